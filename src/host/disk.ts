import { lstatSync, readdirSync, type Stats, statfsSync } from "node:fs";
import { join } from "node:path";

/** Bytes that this caller may still write on the file system of a path; null: it does not tell. */
export function freeSpace(path: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    // A file system that does not answer, or a path that this user may not look at.
    return null;
  }
}

/** A file below a directory. */
export interface FoundFile {
  /** Relative to the directory. */
  readonly path: string;
  readonly bytes: number;
  /** device: with overlayfs, the mark of a file that was removed. */
  readonly kind: "file" | "link" | "device" | "other";
}

/** All files below a directory, sorted, links not followed. What may not be entered is passed over. */
export function* filesBelow(directory: string, prefix = ""): Generator<FoundFile> {
  for (const name of names(join(directory, prefix))) {
    const path = join(prefix, name);
    const status = lstatSync(join(directory, path), { throwIfNoEntry: false });
    if (status === undefined) continue;
    if (status.isDirectory()) yield* filesBelow(directory, path);
    else yield { path, bytes: status.size, kind: kindOf(status) };
  }
}

function names(directory: string): readonly string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    // Gone meanwhile, or it belongs to an id inside that is not ours to look at.
    return [];
  }
}

function kindOf(status: Stats): FoundFile["kind"] {
  if (status.isFile()) return "file";
  if (status.isSymbolicLink()) return "link";
  return status.isCharacterDevice() ? "device" : "other";
}
