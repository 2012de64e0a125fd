import { hexOf, verify } from "../digest.ts";
import { ImageFailure } from "../failure.ts";
import { type Descriptor, indexTypes, parseManifest } from "../manifest.ts";
import { isAttestation } from "../platform.ts";
import type { Fetched, ImageSource } from "../source.ts";
import type { ImageFiles } from "./files.ts";

const indexType = indexTypes[0] ?? null;

/** An OCI image layout: index.json, and blobs by their digest. */
export function makeLayoutSource(name: string, files: ImageFiles, tag: string | null): ImageSource {
  const blobPath = (digest: string): string =>
    `blobs/${digest.slice(0, digest.indexOf(":"))}/${hexOf(digest)}`;
  const read = async (digest: string): Promise<Buffer> => {
    const bytes = await files.read(blobPath(digest));
    if (bytes === null) throw missing(files.path, digest);
    verify(bytes, digest, `${digest.slice(0, 19)} in ${files.path}`);
    return bytes;
  };
  return {
    name,
    async manifest(which) {
      if (which !== null) return { bytes: await read(which), contentType: null };
      const index = await files.read("index.json");
      if (index === null) throw noLayout(files.path);
      const chosen = choose(index, files.path, tag);
      return chosen === null
        ? { bytes: index, contentType: indexType }
        : fetched(chosen, await read(chosen.digest));
    },
    open(descriptor, { start, end }) {
      const path = blobPath(descriptor.digest);
      if (files.size(path) === null) return Promise.reject(missing(files.path, descriptor.digest));
      return Promise.resolve({ body: files.open(path, start, end), start, cancel: () => undefined });
    },
    close: () => Promise.resolve(),
  };
}

const fetched = (descriptor: Descriptor, bytes: Buffer): Fetched => ({
  bytes,
  contentType: descriptor.mediaType,
});

const refName = ({ annotations }: Descriptor): string | undefined =>
  annotations["org.opencontainers.image.ref.name"];

/** Null: the index as a whole, whose entries are the platforms of one image. */
function choose(index: Buffer, path: string, tag: string | null): Descriptor | null {
  const manifest = parseManifest(index, indexType, `${path}/index.json`);
  const entries =
    manifest.kind === "index" ? manifest.manifests.filter((entry) => !isAttestation(entry)) : [];
  const tags = [...new Set(entries.flatMap((entry) => refName(entry) ?? []))].sort();
  if (tag !== null) {
    const named = entries.find((entry) => matches(entry, tag));
    if (named !== undefined) return named;
    throw new ImageFailure({
      code: "image-tag-missing",
      message: `${path} has no image \`${tag}\``,
      ...(tags.length === 0 ? {} : { expected: tags.join(", ") }),
      hint: tags.length === 0 ? "leave out the tag: its images have none" : "use a tag that exists",
    });
  }
  if (entries.length === 1 || tags.length <= 1) return entries.length === 1 ? (entries[0] ?? null) : null;
  throw new ImageFailure({
    code: "image-tag-missing",
    message: `${path} holds ${tags.length} images: say which one`,
    expected: tags.map((name) => `${path}:${name}`).join(", "),
  });
}

/** By the tag alone, or by the whole name that some tools write there. */
const matches = (entry: Descriptor, tag: string): boolean =>
  [refName(entry), entry.annotations["io.containerd.image.name"]].some(
    (name) => name === tag || name?.endsWith(`:${tag}`) === true,
  );

const noLayout = (path: string): ImageFailure =>
  new ImageFailure({
    code: "image-archive",
    message: `${path} is no OCI image layout: it has no index.json`,
    hint: "for what `docker save` wrote use docker-archive:",
  });

const missing = (path: string, digest: string): ImageFailure =>
  new ImageFailure({
    code: "image-incomplete",
    message: `${path} lacks ${digest}`,
    hint: "it was copied incompletely: make it anew",
  });
