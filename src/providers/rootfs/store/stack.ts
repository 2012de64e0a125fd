/**
 * What an environment's writable layer lies over: trees of the store. Every kind of root filesystem but
 * the host's and a plain directory is resolved to one.
 */
export interface Stack {
  /** Absolute paths of trees in the store, topmost first; at least one. */
  readonly layers: readonly string[];
  /** Names the content: manifest digest, archive sha256, build key. */
  readonly key: string;
  /** What the image says about running it; null: it says nothing. */
  readonly config: ImageConfig | null;
}

/** The part of an image's configuration that becomes defaults of an environment. */
export interface ImageConfig {
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly user: string | null;
  readonly workdir: string | null;
  readonly stopSignal: string | null;
  /** Absolute paths inside. */
  readonly volumes: readonly string[];
  /** As the image has them: "8080/tcp". */
  readonly exposedPorts: readonly string[];
  readonly healthcheck: ImageHealthcheck | null;
  readonly labels: Readonly<Record<string, string>>;
}

/** Times in milliseconds; null: not said. */
export interface ImageHealthcheck {
  /** `["CMD", ...]`, `["CMD-SHELL", text]` or `["NONE"]`. */
  readonly test: readonly string[];
  readonly interval: number | null;
  readonly timeout: number | null;
  readonly startPeriod: number | null;
  readonly retries: number | null;
}

/** Of an image that says nothing. */
export const noConfig: ImageConfig = {
  entrypoint: [],
  cmd: [],
  env: {},
  user: null,
  workdir: null,
  stopSignal: null,
  volumes: [],
  exposedPorts: [],
  healthcheck: null,
  labels: {},
};
