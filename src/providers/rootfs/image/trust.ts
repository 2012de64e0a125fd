import { createHash, type KeyObject } from "node:crypto";
import { join } from "node:path";
import { storePath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import { sha256Of } from "./digest.ts";
import { ImageFailure } from "./failure.ts";
import type { ImageRoot } from "./images.ts";
import { type Descriptor, parseManifest } from "./manifest.ts";
import { shortName, sourceKind, splitLocal, splitName } from "./name.ts";
import { judge, readKey, signatureTag, type Verdict } from "./signature.ts";
import { readSmallBlob } from "./small-blob.ts";
import type { ImageSource } from "./source.ts";

export interface Trust {
  readonly rootfs: ImageRoot;
  /** Of the platform's manifest. */
  readonly digest: string;
  /** The image's own source. */
  readonly source: ImageSource;
  /** Opens another name of the same kind of source. */
  readonly open: (image: string) => Promise<ImageSource>;
}

/** Has this image been verified with the keys that are wanted now? True when none are. */
export function isTrusted(tools: Tools, rootfs: ImageRoot, digest: string): boolean {
  if (rootfs.verify === undefined) return true;
  return tools.files.readText(markPath(tools, digest, readKeys(tools, rootfs))) !== null;
}

/** Throws unless one of the keys has signed the image, or the list of platforms that its name stands for. */
export async function trust(tools: Tools, { rootfs, digest, source, open }: Trust): Promise<void> {
  if (rootfs.verify === undefined) return;
  const keys = readKeys(tools, rootfs);
  const verdicts: Verdict[] = [];
  for (const signed of [digest, ...(await listDigest(source, digest))]) {
    for (const verdict of await verdictsOn(await open(signatureName(rootfs.image, signed)), signed, keys)) {
      if (verdict === null) return mark(tools, digest, keys);
      verdicts.push(verdict);
    }
  }
  throw untrusted(rootfs, digest, verdicts);
}

function readKeys(tools: Tools, { verify: policy }: ImageRoot): readonly KeyObject[] {
  return (policy?.keys ?? []).map((path) => {
    const key = readKey(tools.files.readText(path) ?? "");
    if (key !== null) return key;
    throw new ImageFailure({
      code: "verify-key",
      message: `${path} is no public key`,
      expected: "a PEM file that begins with -----BEGIN PUBLIC KEY-----, such as cosign.pub",
    });
  });
}

/** cosign signs what a tag stands for, which may be a list that has this image in it. */
async function listDigest(source: ImageSource, digest: string): Promise<readonly string[]> {
  const top = await source.manifest(null);
  const found = sha256Of(top.bytes);
  if (found === digest) return [];
  const manifest = parseManifest(top.bytes, top.contentType, `the manifest of ${shortName(source.name)}`);
  const holds = manifest.kind === "index" && manifest.manifests.some((entry) => entry.digest === digest);
  return holds ? [found] : [];
}

function signatureName(image: string, digest: string): string {
  const kind = sourceKind(image);
  if (kind === null) {
    const { registry, repository } = splitName(image);
    return `${registry}/${repository}:${signatureTag(digest)}`;
  }
  if (kind === "oci" || kind === "oci-archive")
    return `${kind}:${splitLocal(image).path}:${signatureTag(digest)}`;
  throw new ImageFailure({
    code: "verify-unsupported",
    message: `${kind}: has no place for signatures: ${shortName(image)} cannot be verified`,
    hint: "use a registry or an OCI layout, or remove `verify`",
  });
}

/** No payload is nearly as large. */
const largestPayload = 1 << 20;

async function verdictsOn(
  source: ImageSource,
  digest: string,
  keys: readonly KeyObject[],
): Promise<readonly Verdict[]> {
  try {
    const layers = await signatureLayers(source);
    const verdicts: Verdict[] = [];
    for (const layer of layers) {
      const signature = layer.annotations["dev.cosignproject.cosign/signature"];
      if (signature === undefined || layer.size > largestPayload) verdicts.push("malformed");
      else
        verdicts.push(
          judge(
            { payload: await readSmallBlob(source, layer, `the signature ${source.name}`), signature },
            digest,
            keys,
          ),
        );
    }
    return verdicts;
  } finally {
    await source.close();
  }
}

/** Empty: there is no such tag. */
async function signatureLayers(source: ImageSource): Promise<readonly Descriptor[]> {
  try {
    const { bytes, contentType } = await source.manifest(null);
    const manifest = parseManifest(bytes, contentType, `the signature ${source.name}`);
    return manifest.kind === "image" ? manifest.layers : [];
  } catch (error) {
    const missing =
      error instanceof ImageFailure && ["image-missing", "image-tag-missing"].includes(error.code);
    if (missing) return [];
    throw error;
  }
}

function mark(tools: Tools, digest: string, keys: readonly KeyObject[]): void {
  tools.files.makeDirectory(join(storePath(tools.paths), "verified"), 0o700);
  tools.files.replace(markPath(tools, digest, keys), `${digest}\n`);
}

/** Other keys are another question. */
function markPath(tools: Tools, digest: string, keys: readonly KeyObject[]): string {
  const prints = keys.map((key) => key.export({ type: "spki", format: "der" }).toString("hex")).sort();
  const name = createHash("sha256")
    .update([digest, ...prints].join("\n"))
    .digest("hex");
  return join(storePath(tools.paths), "verified", name);
}

function untrusted({ image }: ImageRoot, digest: string, verdicts: readonly Verdict[]): ImageFailure {
  const why =
    verdicts.length === 0
      ? "it has no signature"
      : verdicts.includes("other-image")
        ? "its signature is of another image"
        : verdicts.includes("other-key")
          ? "its signature is not of the given key"
          : "its signature is malformed";
  return new ImageFailure({
    code: "image-untrusted",
    message: `${shortName(image)} (${digest}) is refused: ${why}`,
    expected: `a signature by \`cosign sign --key\` at the tag ${signatureTag(digest)}`,
    hint: "correct `verify.key`, or have the image signed; nothing of it was used",
  });
}
