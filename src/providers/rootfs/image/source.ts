import type { Described } from "./describe.ts";
import type { Descriptor } from "./manifest.ts";

/** Where an image comes from: a registry, a directory, an archive. Each throws ImageFailures. */
export interface ImageSource {
  /** For messages: "debian:12 of docker.io". */
  readonly name: string;
  /** content: the digests of layers are those of their content, whatever its compression (docker-archive). */
  readonly verifies?: "content";
  /** Where there are no manifests: the image behind a digest (null: what the name says) of a platform. */
  describe?(which: string | null, platform: string): Promise<Described>;
  /** By tag or digest; null: what the source's name itself says. Verified when asked for by digest. */
  manifest(which: string | null): Promise<Fetched>;
  /** Content from `start` on, up to and without `end` (null: to its end). */
  open(descriptor: Descriptor, range: Range): Promise<Opened>;
  /** Gives up connections and files. */
  close(): Promise<void>;
}

export interface Fetched {
  readonly bytes: Buffer;
  /** As the server called it; null: nobody said. */
  readonly contentType: string | null;
}

export interface Range {
  readonly start: number;
  readonly end: number | null;
}

export interface Opened {
  /** Each piece is overwritten when the next is asked for. */
  readonly body: AsyncIterable<Buffer>;
  /** Where the body begins: 0 when the source takes no ranges. */
  readonly start: number;
  /** Gives it up before its end. */
  readonly cancel: () => void;
}
