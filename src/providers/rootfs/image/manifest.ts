import { isDigest } from "./digest.ts";
import { ImageFailure } from "./failure.ts";
import { type Platform, platformOf } from "./platform.ts";

/** A thing in a registry, by its content. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
  /** Other places where it can be fetched. */
  readonly urls: readonly string[];
  /** The content itself, where it was small enough to come along. */
  readonly data: Buffer | null;
  /** Only in an index; null: not said. */
  readonly platform: Platform | null;
  readonly annotations: Readonly<Record<string, string>>;
}

/** What stands behind a name: one image, or a list of them. */
export type Manifest =
  | { readonly kind: "image"; readonly config: Descriptor; readonly layers: readonly Descriptor[] }
  | { readonly kind: "index"; readonly manifests: readonly Descriptor[] };

export const indexTypes = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
];
export const imageTypes = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
];
const configTypes = [
  "application/vnd.oci.image.config.v1+json",
  "application/vnd.docker.container.image.v1+json",
];

/** Read from a registry into memory as a whole: more is no manifest. */
export const largestManifest = 4 << 20;
const mostLayers = 4096;

/**
 * A manifest from its bytes. `contentType` is what the server called it (null: not said); document and
 * header must agree, or the same bytes could mean two things to two readers.
 */
export function parseManifest(bytes: Buffer, contentType: string | null, what: string): Manifest {
  const document = asObject(parseJson(bytes, what));
  if (document === null) throw malformed(what, "it is not an object");
  const said = contentType?.split(";")[0]?.trim().toLowerCase() ?? null;
  const own = typeof document.mediaType === "string" ? document.mediaType : null;
  const known = [...indexTypes, ...imageTypes];
  if (own !== null && said !== null && known.includes(said) && own !== said)
    throw malformed(what, `it calls itself ${own}, but the server calls it ${said}`);
  if (document.schemaVersion !== 2) throw outdated(what, document.schemaVersion);
  const both = "manifests" in document && ("layers" in document || "config" in document);
  if (both) throw malformed(what, "it is a list and an image at once");
  const type = own ?? (said !== null && known.includes(said) ? said : null);
  if (type !== null && !known.includes(type)) throw malformed(what, `its type ${type} is no image's`);
  const isIndex = "manifests" in document;
  if (type !== null && isIndex !== indexTypes.includes(type))
    throw malformed(what, `it is not what its type ${type} says`);
  return isIndex ? indexOf(document, what) : imageOf(document, what);
}

function indexOf(document: Json, what: string): Manifest {
  return { kind: "index", manifests: listOf(document.manifests, `${what}: manifests`) };
}

function imageOf(document: Json, what: string): Manifest {
  const config = descriptorOf(document.config, `${what}: config`);
  if (!configTypes.includes(config.mediaType)) {
    const type = typeof document.artifactType === "string" ? document.artifactType : config.mediaType;
    throw new ImageFailure({
      code: "image-artifact",
      message: `${what} is no image of a root filesystem: it is of the type ${type}`,
      expected: "an image with layers, such as debian:12",
    });
  }
  const layers = listOf(document.layers, `${what}: layers`);
  if (layers.length > mostLayers) throw malformed(what, `it has ${layers.length} layers`);
  return { kind: "image", config, layers };
}

/** The image's own description, which must be JSON and fit its layers. */
export type Json = Readonly<Record<string, unknown>>;

export function parseJson(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    throw malformed(what, "it is not JSON", error);
  }
}

export const asObject = (value: unknown): Json | null =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : null;

function listOf(value: unknown, what: string): readonly Descriptor[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw malformed(what, "it is not a list");
  return value.map((item, index) => descriptorOf(item, `${what}[${index}]`));
}

export function descriptorOf(value: unknown, what: string): Descriptor {
  const item = asObject(value);
  if (item === null) throw malformed(what, "it is missing or not an object");
  const { mediaType, digest, size } = item;
  if (typeof mediaType !== "string") throw malformed(what, "it has no mediaType");
  if (typeof digest !== "string" || !isDigest(digest))
    throw malformed(what, `"${String(digest).slice(0, 100)}" is no digest`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw malformed(what, "it has no valid size");
  return {
    mediaType,
    digest,
    size,
    urls: Array.isArray(item.urls) ? item.urls.filter((url) => typeof url === "string") : [],
    data: typeof item.data === "string" ? Buffer.from(item.data, "base64") : null,
    platform: platformOf(item.platform),
    annotations: textsOf(item.annotations),
  };
}

/** Of a map only what are texts. */
export function textsOf(value: unknown): Readonly<Record<string, string>> {
  const entries = Object.entries(asObject(value) ?? {});
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

export const malformed = (what: string, why: string, cause?: unknown): ImageFailure =>
  new ImageFailure({
    code: "image-malformed",
    message: `${what} cannot be used: ${why}`,
    hint: "push the image anew with a current tool, or use another tag",
    cause,
  });

function outdated(what: string, version: unknown): ImageFailure {
  if (version !== 1) return malformed(what, `its schemaVersion is ${JSON.stringify(version) ?? "missing"}`);
  return new ImageFailure({
    code: "image-outdated",
    message: `${what} has Docker's manifest format of version 1, which nobody can check`,
    hint: "pull and push it once with a current docker or skopeo",
  });
}
