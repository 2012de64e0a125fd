import { createHash } from "node:crypto";
import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { Readable } from "node:stream";

/** Larger files are known by size and time alone. */
const largest = 1 << 20;

/** Two answers for a path are the same as long as its content is; null: there is nothing. */
export function contentOf(path: string): string | null {
  const status = lstatSync(path, { throwIfNoEntry: false });
  if (status === undefined) return null;
  try {
    if (status.isSymbolicLink()) return `link ${readlinkSync(path)}`;
    if (!status.isFile() || status.size > largest) return `${status.size} ${status.mtimeMs}`;
    return `${status.mode & 0o777} ${createHash("sha1").update(readFileSync(path)).digest("hex")}`;
  } catch {
    // Gone or closed to us between two calls: the next event tells.
    return null;
  }
}

/** Bytes to be read by a process. */
export const streamOf = (bytes: Uint8Array): Readable => Readable.from([bytes]);

/** A file as it is to be copied; null: it is gone, or no file. */
export function readBytes(path: string): { readonly bytes: Uint8Array; readonly executable: boolean } | null {
  try {
    return { bytes: readFileSync(path), executable: (lstatSync(path).mode & 0o111) !== 0 };
  } catch {
    // Gone meanwhile: its removal is an event of its own.
    return null;
  }
}
