import { sha256Of } from "../digest.ts";
import { ImageFailure } from "../failure.ts";
import { parseImageDocument } from "../image-config.ts";
import { asObject, imageTypes, malformed, parseJson } from "../manifest.ts";
import type { ImageSource } from "../source.ts";
import type { ImageFiles } from "./files.ts";

/**
 * What `docker save` writes: manifest.json names a configuration and layers by their paths. It says no
 * digests but those of the layers' content, so the manifest is made here, the same for the same content.
 */
export function makeDockerArchiveSource(name: string, files: ImageFiles, wanted: string | null): ImageSource {
  const paths = new Map<string, string>();
  return {
    name,
    verifies: "content",
    async manifest() {
      const entry = await chooseEntry(files, wanted);
      const config = await files.read(entry.config);
      if (config === null) throw incomplete(files.path, entry.config);
      const { diffIds } = parseImageDocument(config, `the configuration in ${files.path}`);
      if (diffIds.length !== entry.layers.length)
        throw malformed(files.path, `it has ${entry.layers.length} layers and ${diffIds.length} diff ids`);
      paths.set(sha256Of(config), entry.config);
      const layers = entry.layers.map((path, index) => {
        const [size, digest] = [files.size(path), `sha256:${diffIds[index]}`];
        if (size === null) throw incomplete(files.path, path);
        paths.set(digest, path);
        return { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size };
      });
      const mediaType = "application/vnd.oci.image.config.v1+json";
      const document = {
        schemaVersion: 2,
        mediaType: imageTypes[0],
        config: { mediaType, digest: sha256Of(config), size: config.length },
        layers,
      };
      return { bytes: Buffer.from(JSON.stringify(document)), contentType: imageTypes[0] ?? null };
    },
    async open({ digest }, { start, end }) {
      const path = paths.get(digest) ?? (await pathOf(files, wanted, digest));
      return { body: files.open(path, start, end), start, cancel: () => undefined };
    },
    close: () => Promise.resolve(),
  };
}

interface ArchiveEntry {
  readonly config: string;
  readonly tags: readonly string[];
  readonly layers: readonly string[];
}

/** Of a layer, when the manifest was made from another opening of the same archive. */
async function pathOf(files: ImageFiles, wanted: string | null, digest: string): Promise<string> {
  const entry = await chooseEntry(files, wanted);
  const config = await files.read(entry.config);
  const { diffIds } = parseImageDocument(config ?? Buffer.from("{}"), files.path);
  const path = entry.layers[diffIds.indexOf(digest.slice("sha256:".length))];
  if (path === undefined) throw incomplete(files.path, digest);
  return path;
}

async function chooseEntry(files: ImageFiles, wanted: string | null): Promise<ArchiveEntry> {
  const bytes = await files.read("manifest.json");
  if (bytes === null)
    throw new ImageFailure({
      code: "image-archive",
      message: `${files.path} is not what \`docker save\` writes: it has no manifest.json`,
      hint: "for an OCI archive use oci-archive:, for the tar of a root filesystem rootfs: {archive: ...}",
    });
  const listed = parseJson(bytes, `${files.path}: manifest.json`);
  const entries = (Array.isArray(listed) ? listed : []).map((item) => entryOf(item, files.path));
  const tags = entries.flatMap((entry) => entry.tags);
  const found =
    wanted === null ? entries : entries.filter((entry) => entry.tags.some((tag) => fits(tag, wanted)));
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  throw new ImageFailure({
    code: "image-tag-missing",
    message:
      wanted === null
        ? `${files.path} holds ${entries.length} images: say which one`
        : `${files.path} has no image \`${wanted}\``,
    ...(tags.length === 0
      ? {}
      : { expected: tags.map((tag) => `docker-archive:${files.path}:${tag}`).join(", ") }),
  });
}

/** `name:tag`, `tag`, or the name in full. */
const fits = (tag: string, wanted: string): boolean =>
  tag === wanted || tag.endsWith(`:${wanted}`) || tag.endsWith(`/${wanted}`);

function entryOf(item: unknown, path: string): ArchiveEntry {
  const entry = asObject(item);
  const texts = (value: unknown): readonly string[] =>
    Array.isArray(value) ? value.filter((one) => typeof one === "string") : [];
  if (typeof entry?.Config !== "string") throw malformed(path, "its manifest.json names no configuration");
  return { config: entry.Config, tags: texts(entry.RepoTags), layers: texts(entry.Layers) };
}

const incomplete = (path: string, what: string): ImageFailure =>
  new ImageFailure({
    code: "image-incomplete",
    message: `${path} lacks ${what}`,
    hint: "it was written or copied incompletely: make it anew",
  });
