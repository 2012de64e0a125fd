import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { trees } from "../../../host/trees.ts";
import { storePath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";

/**
 * Digests that are known already, by archive: a file is not read again while its identity, size and
 * times stay the same; an address keeps what was fetched from it. Only a cache: losing it costs time.
 */
interface Known {
  /** Identity of the file; "" for an address. */
  readonly key: string;
  readonly sha256: string;
}

/** Null: not known (any more). */
export function knownDigest(tools: Tools, archive: string): string | null {
  const key = keyOf(archive);
  const text = key === null ? null : tools.files.readText(cachePath(tools, archive));
  if (text === null) return null;
  try {
    const known = JSON.parse(text) as Known;
    return known.key === key ? known.sha256 : null;
  } catch {
    // Half-written: as if it were not there.
    return null;
  }
}

/** `key` is what the file was like before it was read. */
export function rememberDigest(tools: Tools, archive: string, { key, sha256 }: Known): void {
  tools.files.makeDirectory(join(storePath(tools.paths), "archives"), 0o711);
  tools.files.replace(cachePath(tools, archive), JSON.stringify({ key, sha256 }));
}

/** The next time that it is wanted it is read or fetched anew. */
export const forgetDigest = (tools: Tools, archive: string): Promise<void> =>
  tools.files.remove(cachePath(tools, archive));

/** Reads the file unless its digest is known. */
export async function digestOf(tools: Tools, file: string): Promise<string> {
  const known = knownDigest(tools, file);
  if (known !== null) return known;
  const key = keyOf(file);
  const hash = createHash("sha256");
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash);
  const sha256 = hash.digest("hex");
  if (key !== null) rememberDigest(tools, file, { key, sha256 });
  return sha256;
}

/** Null: there is no such file. */
export function keyOf(archive: string): string | null {
  if (/^https?:/.test(archive)) return "";
  const stats = trees.realStats(archive);
  return stats === null ? null : [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(" ");
}

const cachePath = (tools: Tools, archive: string): string =>
  join(storePath(tools.paths), "archives", `${createHash("sha256").update(archive).digest("hex")}.json`);
