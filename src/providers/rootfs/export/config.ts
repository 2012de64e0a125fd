import type { Environment } from "../../../model/environment.ts";
import { type ImageConfig, noConfig } from "../store/stack.ts";

/** An image's configuration as the OCI image specification has it. */
export interface OciImageConfig {
  readonly created: string;
  readonly architecture: string;
  readonly os: "linux";
  readonly config: Readonly<Record<string, unknown>>;
  readonly rootfs: { readonly type: "layers"; readonly diff_ids: readonly string[] };
  readonly history: readonly { readonly created: string; readonly created_by: string }[];
}

export interface ConfigSource {
  readonly environment: Environment;
  /** Of the stack; null: it says nothing. */
  readonly image: ImageConfig | null;
  /** Of the layers, bottom first: "sha256:...". */
  readonly diffIds: readonly string[];
  /** Node's name of it: "x64". */
  readonly arch: string;
  readonly created: Date;
}

/** What the image says about running it: the root's own configuration, and the environment's on top. Pure. */
export function imageConfigOf({ environment, image, diffIds, arch, created }: ConfigSource): OciImageConfig {
  const base = image ?? noConfig;
  const own = environment.command.length > 0;
  const user = environment.user === "me" ? null : environment.user;
  const fields = {
    Env: Object.entries({ ...base.env, ...environment.env }).map(([name, value]) => `${name}=${value}`),
    Entrypoint: own ? [] : base.entrypoint,
    Cmd: own ? environment.command : base.cmd,
    WorkingDir: environment.workdir ?? base.workdir ?? "",
    User: user ?? base.user ?? "",
    StopSignal: environment.stop.signal === "SIGTERM" ? (base.stopSignal ?? "") : environment.stop.signal,
    Labels: { ...base.labels, ...environment.labels },
    ExposedPorts: setOf(base.exposedPorts),
    Volumes: setOf(base.volumes),
    Healthcheck: healthOf(base),
  };
  const time = `${created.toISOString().slice(0, 19)}Z`;
  return {
    created: time,
    architecture: architectures[arch] ?? arch,
    os: "linux",
    config: Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value))),
    rootfs: { type: "layers", diff_ids: diffIds },
    history: diffIds.map(() => ({ created: time, created_by: "pavlos" })),
  };
}

/** Names of Go, which images use. */
export const architectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };

const setOf = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, {}]));

function healthOf({ healthcheck }: ImageConfig): object | null {
  if (healthcheck === null) return null;
  const nanoseconds = (milliseconds: number | null) =>
    milliseconds === null ? undefined : milliseconds * 1e6;
  return {
    Test: healthcheck.test,
    Interval: nanoseconds(healthcheck.interval),
    Timeout: nanoseconds(healthcheck.timeout),
    StartPeriod: nanoseconds(healthcheck.startPeriod),
    Retries: healthcheck.retries ?? undefined,
  };
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === "") return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}
