import { statfsSync } from "node:fs";

/** Bytes that this caller may still write on the file system of a path; null: it does not tell. */
export function freeSpace(path: string): number | null {
  try {
    const { bavail, bfree, bsize } = statfsSync(path);
    // Some blocks are for root alone.
    return (process.getuid?.() === 0 ? bfree : bavail) * bsize;
  } catch {
    // A file system that does not answer, or a path that this user may not look at.
    return null;
  }
}

/** The kernel's number for the kind of file system at a path; null: it cannot be asked. */
export function fileSystemOf(path: string): number | null {
  try {
    return statfsSync(path).type;
  } catch {
    // Missing, or not for this caller: the same to those who look for a certain kind.
    return null;
  }
}
