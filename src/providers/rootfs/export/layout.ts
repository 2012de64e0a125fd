import { createHash } from "node:crypto";
import { createWriteStream, mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type { Environment } from "../../../model/environment.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import type { Stack } from "../store/stack.ts";
import { architectures, imageConfigOf } from "./config.ts";
import { packTrees } from "./pack.ts";

export interface ImageRequest {
  readonly environment: Environment;
  readonly stack: Pick<Stack, "layers" | "config">;
  readonly epoch: number | null;
  readonly signal: AbortSignal;
}

interface Blob {
  readonly digest: string;
  readonly size: number;
}

const types = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};

/**
 * Writes an OCI image layout into an empty directory, with docker's manifest.json beside it, so that what
 * reads either can load it. Gives its files, sorted.
 */
export async function writeLayout(
  tools: Tools,
  directory: string,
  request: ImageRequest,
): Promise<Result<readonly string[], Problem>> {
  const made = await attempt(`${directory} cannot be written to`, () =>
    mkdirSync(join(directory, "blobs/sha256"), { recursive: true }),
  );
  if (!made.ok) return made;
  const layers: (Blob & { readonly diffId: string })[] = [];
  for (const tree of request.stack.layers.toReversed()) {
    const layer = await writeLayer(tools, directory, { ...request, tree });
    if (!layer.ok) return layer;
    layers.push(layer.value);
  }
  return await attempt(`${directory} cannot be written to`, () =>
    writeDocuments(tools, directory, { request, layers }),
  );
}

/** Both digests in one pass. */
async function writeLayer(
  tools: Tools,
  directory: string,
  { tree, epoch, signal }: ImageRequest & { readonly tree: string },
): Promise<Result<Blob & { readonly diffId: string }, Problem>> {
  const { stream, done } = packTrees(tools, { style: "layer", trees: [tree], epoch, signal });
  const file = join(directory, "blobs/sha256/.part");
  const [plain, packed] = [createHash("sha256"), createHash("sha256")];
  const written = await attempt(`${directory} cannot be written to`, () =>
    pipeline(stream, hashing(plain), createGzip({ level: 6 }), hashing(packed), createWriteStream(file)),
  );
  const packedWell = await done;
  if (!packedWell.ok) return packedWell;
  if (!written.ok) return written;
  const digest = packed.digest("hex");
  const { size } = statSync(file);
  renameSync(file, join(directory, "blobs/sha256", digest));
  return success({ digest: `sha256:${digest}`, size, diffId: `sha256:${plain.digest("hex")}` });
}

const hashing = (hash: { update(data: Buffer): unknown }): Transform =>
  new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      done(null, chunk);
    },
  });

interface Documents {
  readonly request: ImageRequest;
  readonly layers: readonly (Blob & { readonly diffId: string })[];
}

function writeDocuments(
  { host }: Tools,
  directory: string,
  { request: { environment, stack, epoch }, layers }: Documents,
): readonly string[] {
  const config = writeBlob(
    directory,
    imageConfigOf({
      environment,
      image: stack.config,
      diffIds: layers.map(({ diffId }) => diffId),
      arch: host.arch,
      created: new Date(epoch === null ? Date.now() : epoch * 1000),
    }),
  );
  const manifest = writeBlob(directory, {
    schemaVersion: 2,
    mediaType: types.manifest,
    config: { mediaType: types.config, ...config },
    layers: layers.map(({ digest, size }) => ({ mediaType: types.layer, digest, size })),
  });
  const name = `${environment.name}:latest`;
  const platform = { architecture: architectures[host.arch] ?? host.arch, os: "linux" };
  const annotations = {
    "io.containerd.image.name": `docker.io/library/${name}`,
    "org.opencontainers.image.ref.name": name,
  };
  const documents = {
    "index.json": {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.index.v1+json",
      manifests: [{ mediaType: types.manifest, ...manifest, platform, annotations }],
    },
    "manifest.json": [
      {
        Config: blobPath(config.digest),
        RepoTags: [name],
        Layers: layers.map(({ digest }) => blobPath(digest)),
      },
    ],
    "oci-layout": { imageLayoutVersion: "1.0.0" },
  };
  for (const [file, value] of Object.entries(documents))
    writeFileSync(join(directory, file), JSON.stringify(value));
  const blobs = [config, manifest, ...layers].map(({ digest }) => blobPath(digest));
  return [...new Set([...blobs, ...Object.keys(documents)])].sort();
}

function writeBlob(directory: string, value: unknown): Blob {
  const text = JSON.stringify(value);
  const digest = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(directory, "blobs/sha256", digest), text);
  return { digest: `sha256:${digest}`, size: Buffer.byteLength(text) };
}

const blobPath = (digest: string): string => `blobs/${digest.replace(":", "/")}`;

/** For who has something to say about a failure that is none of the files'. */
export const unknownFormat = (format: string): Result<never, Problem> =>
  failure({
    code: "unknown-format",
    message: `there is no format \`${format}\``,
    place: null,
    expected: "oci, tar or squashfs",
  });
