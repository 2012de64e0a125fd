import { join } from "node:path";
import { imagesPath } from "../../../state/paths.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import { type LayerId, stackOf } from "./layers.ts";
import type { ImageConfig, Stack } from "./stack.ts";

/** An image whose layers are in the store: `images/<hex of the manifest's digest>.json`. */
export interface ImageRecord {
  readonly version: 1;
  /** Of the platform's manifest: "sha256:<hex>". */
  readonly digest: string;
  /** What it was last asked for as: "docker.io/library/debian:12". */
  readonly reference: string;
  /** "linux/amd64". */
  readonly platform: string;
  /** Hex diff ids, bottom first. */
  readonly layers: readonly LayerId[];
  readonly config: ImageConfig;
  /** Bytes of the layers as they were fetched. */
  readonly size: number;
  /** ISO 8601. */
  readonly pulledAt: string;
}

/** Null: none, or none that this Pavlos can read. */
export function readImage(tools: Tools, digest: string): ImageRecord | null {
  const text = tools.files.readText(imagePath(tools, digest));
  return text === null ? null : parseImage(text);
}

/** Writes a record for good: last of all, when its layers are committed. */
export const writeImage = (tools: Tools, record: ImageRecord) =>
  attempt(`the record of ${record.reference} cannot be written`, async () => {
    tools.files.makeDirectory(imagesPath(tools.paths), 0o711);
    await tools.files.replaceDurably(imagePath(tools, record.digest), `${JSON.stringify(record)}\n`);
  });

/** All of them, by reference. */
export function listImages(tools: Tools): readonly ImageRecord[] {
  const names = (tools.files.list(imagesPath(tools.paths)) ?? []).filter((name) => name.endsWith(".json"));
  const records = names.flatMap((name) => {
    const text = tools.files.readText(join(imagesPath(tools.paths), name));
    return (text === null ? null : parseImage(text)) ?? [];
  });
  return records.sort((left, right) => (left.reference < right.reference ? -1 : 1));
}

/** Null: a layer is missing. */
export const imageStack = (tools: Tools, { layers, digest, config }: ImageRecord): Stack | null =>
  stackOf(tools, { layers, key: digest, config });

export const imagePath = ({ paths }: Tools, digest: string): string =>
  join(imagesPath(paths), `${digest.replace(/^sha256:/, "").replaceAll(/[^0-9a-zA-Z]/g, "-")}.json`);

/** Only what the rest relies on is verified: the writer was this program. */
function parseImage(text: string): ImageRecord | null {
  try {
    const value = JSON.parse(text) as Partial<ImageRecord> | null;
    const sound = value?.version === 1 && typeof value.digest === "string" && Array.isArray(value.layers);
    return sound ? (value as ImageRecord) : null;
  } catch {
    // Half-written or not ours: as if it were not there; a pull writes it anew.
    return null;
  }
}
