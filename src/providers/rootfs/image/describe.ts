import type { LayerId } from "../store/layers.ts";
import type { ImageConfig } from "../store/stack.ts";
import { sha256Of, verify } from "./digest.ts";
import { ImageFailure } from "./failure.ts";
import { type ImageDocument, parseImageDocument } from "./image-config.ts";
import { type Descriptor, malformed, parseManifest } from "./manifest.ts";
import { shortName } from "./name.ts";
import { candidates, isAttestation, noPlatform, type Platform, parsePlatform, rankOf } from "./platform.ts";
import { readSmallBlob } from "./small-blob.ts";
import type { Fetched, ImageSource } from "./source.ts";

/** All that is known of an image before its layers are there. */
export interface Described {
  /** Of the platform's own manifest. */
  readonly digest: string;
  readonly layers: readonly DescribedLayer[];
  readonly config: ImageConfig;
  /** Bytes of the layers as they are fetched. */
  readonly size: number;
}

export interface DescribedLayer {
  readonly descriptor: Descriptor;
  /** In the store. */
  readonly id: LayerId;
  /** Hex: of the layer without compression; null: a whole root whose content nobody says. */
  readonly diffId: string | null;
}

/** The image of a platform behind a tag or digest (null: what the source's name says). */
export async function describe(
  source: ImageSource,
  which: string | null,
  platform: string,
): Promise<Described> {
  if (source.describe !== undefined) return await source.describe(which, platform);
  const wanted = parsePlatform(platform);
  const fetched = await source.manifest(which);
  const found = await choose({ source, wanted }, fetched, 0);
  if (found.kind === "none") throw noPlatform(shortName(source.name), wanted, found.offered);
  return found.described;
}

interface Search {
  readonly source: ImageSource;
  readonly wanted: Platform;
}

type Choice =
  | { readonly kind: "found"; readonly described: Described }
  | { readonly kind: "none"; readonly offered: readonly Platform[] };

/** Lists may hold lists; nobody needs more levels than these. */
const deepest = 4;

async function choose(search: Search, fetched: Fetched, depth: number): Promise<Choice> {
  const { source, wanted } = search;
  const what = `the manifest of ${shortName(source.name)}`;
  const manifest = parseManifest(fetched.bytes, fetched.contentType, what);
  if (manifest.kind === "image") return readImage(search, fetched, manifest);
  if (depth === deepest) throw malformed(what, `it is a list in a list, ${deepest} times`);
  const offered: Platform[] = manifest.manifests
    .filter((entry) => !isAttestation(entry))
    .flatMap(({ platform }) => platform ?? []);
  for (const entry of candidates(manifest.manifests, wanted)) {
    const inner = await source.manifest(entry.digest);
    verify(inner.bytes, entry.digest, what);
    const choice = await choose(
      search,
      { ...inner, contentType: inner.contentType ?? entry.mediaType },
      depth + 1,
    );
    if (choice.kind === "found") return choice;
    offered.push(...choice.offered);
  }
  return { kind: "none", offered };
}

async function readImage(
  { source, wanted }: Search,
  fetched: Fetched,
  { config, layers }: { readonly config: Descriptor; readonly layers: readonly Descriptor[] },
): Promise<Choice> {
  const document = await readDocument(source, config);
  const { platform } = document;
  if (platform !== null && rankOf(platform, wanted) === null) return { kind: "none", offered: [platform] };
  const described = {
    digest: sha256Of(fetched.bytes),
    layers: joined(source, layers, document),
    config: document.config,
    size: layers.reduce((sum, { size }) => sum + size, 0),
  };
  return { kind: "found", described };
}

async function readDocument(source: ImageSource, config: Descriptor): Promise<ImageDocument> {
  const what = `the configuration of ${shortName(source.name)}`;
  return parseImageDocument(await readSmallBlob(source, config, what), what);
}

const layerType =
  /^application\/vnd\.(oci\.image\.layer\.(nondistributable\.)?v1\.tar(\+gzip|\+zstd)?|docker\.image\.rootfs\.(foreign\.)?diff\.tar(\.gzip|\.zstd)?)$/;

/** Each layer with what it is without compression. */
function joined(
  { name }: ImageSource,
  layers: readonly Descriptor[],
  { diffIds }: ImageDocument,
): readonly DescribedLayer[] {
  const what = shortName(name);
  if (layers.length !== diffIds.length)
    throw malformed(what, `it has ${layers.length} layers and ${diffIds.length} diff ids`);
  if (layers.length === 0)
    throw new ImageFailure({
      code: "image-empty",
      message: `${what} has no files: it has no layers`,
      hint: "choose an image with a root filesystem",
    });
  const foreign = layers.find(({ mediaType }) => !layerType.test(mediaType));
  if (foreign !== undefined) throw malformed(what, `a layer has the unknown type ${foreign.mediaType}`);
  return layers.map((descriptor, index) => {
    const diffId = diffIds[index] ?? "";
    return { descriptor, id: diffId, diffId };
  });
}
