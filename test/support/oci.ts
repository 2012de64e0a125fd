import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { type TarEntry, tar } from "./tar.ts";

/** A thing of an image: its bytes and how it is referred to. */
export interface Blob {
  readonly bytes: Buffer;
  readonly descriptor: Descriptor;
}

export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly [more: string]: unknown;
}

export interface Image {
  readonly manifest: Blob;
  readonly config: Blob;
  readonly layers: readonly Blob[];
  /** Of the layers as they are without compression. */
  readonly diffIds: readonly string[];
}

export interface ImageOptions {
  readonly layers: readonly (readonly TarEntry[])[];
  readonly compression?: "gzip" | "zstd" | "none";
  readonly architecture?: string;
  /** The `config` part: Entrypoint, Cmd, Env, User, WorkingDir, ... */
  readonly config?: Readonly<Record<string, unknown>>;
  /** On top of the manifest. */
  readonly manifest?: Readonly<Record<string, unknown>>;
}

export const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
} as const;

const compressors = {
  gzip: (bytes: Buffer) => gzipSync(bytes, { level: 1 }),
  zstd: (bytes: Buffer) => zstdCompressSync(bytes),
  none: (bytes: Buffer) => bytes,
} as const;

const suffixes = { gzip: "+gzip", zstd: "+zstd", none: "" } as const;

/** An image as a tool would push it. */
export function image(options: ImageOptions): Image {
  const { compression = "gzip", architecture = hostArchitecture() } = options;
  const archives = options.layers.map(tar);
  const diffIds = archives.map(digestOf);
  const layers = archives.map((bytes) =>
    blob(`${types.layer}${suffixes[compression]}`, compressors[compression](bytes)),
  );
  const config = jsonBlob(types.config, {
    architecture,
    os: "linux",
    config: options.config ?? {},
    rootfs: { type: "layers", diff_ids: diffIds },
  });
  const manifest = jsonBlob(types.manifest, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: config.descriptor,
    layers: layers.map(({ descriptor }) => descriptor),
    ...options.manifest,
  });
  return { manifest, config, layers, diffIds };
}

/** A list of manifests. */
export const index = (manifests: readonly Descriptor[], more: object = {}): Blob =>
  jsonBlob(types.index, { schemaVersion: 2, mediaType: types.index, manifests, ...more });

export const jsonBlob = (mediaType: string, value: unknown): Blob =>
  blob(mediaType, Buffer.from(JSON.stringify(value)));

export const blob = (mediaType: string, bytes: Buffer): Blob => ({
  bytes,
  descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length },
});

export const digestOf = (bytes: Buffer): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** This machine's, as OCI names it. */
export const hostArchitecture = (): string =>
  ({ x64: "amd64", arm64: "arm64" })[process.arch as string] ?? process.arch;

/** Writes an OCI image layout with the images under their tags. */
export function writeLayout(directory: string, images: Readonly<Record<string, Image>>): void {
  mkdirSync(join(directory, "blobs/sha256"), { recursive: true });
  writeFileSync(join(directory, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const manifests = Object.entries(images).map(([tag, { manifest, config, layers }]) => {
    for (const { bytes, descriptor } of [manifest, config, ...layers])
      writeFileSync(join(directory, "blobs/sha256", descriptor.digest.slice(7)), bytes);
    return { ...manifest.descriptor, annotations: { "org.opencontainers.image.ref.name": tag } };
  });
  writeFileSync(join(directory, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }));
}
