import {
  accessSync,
  appendFileSync,
  constants,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  writeFileSync,
} from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { isMissing } from "./errno.ts";
import type { FileStatus, Files } from "./files.ts";

/** The file system of this machine. */
export const realFiles: Files = {
  readText: (path) => orNull(() => readFileSync(path, "utf8")),
  list: (path) => orNull(() => readdirSync(path).sort()),
  status(path) {
    const stats = orNull(() => lstatSync(path, { throwIfNoEntry: false }));
    return stats == null ? null : describe(stats);
  },
  writable(path) {
    try {
      accessSync(path, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
  makeDirectory: (path, mode) => void mkdirSync(path, { recursive: true, mode }),
  replace(path, text) {
    const temporary = temporaryName(path);
    writeFileSync(temporary, text, { mode: 0o600 });
    renameSync(temporary, path);
  },
  replaceDurably,
  create: (path, text) => writeFileSync(path, text, { flag: "wx", mode: 0o644 }),
  append: (path, text) => appendFileSync(path, text, { mode: 0o600 }),
  // Mostly nothing is there: then loading what removes trees would be all of the work.
  async remove(path) {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined)
      await rm(path, { recursive: true, force: true });
  },
};

async function replaceDurably(path: string, text: string): Promise<void> {
  const temporary = temporaryName(path);
  const file = await open(temporary, "w", 0o600);
  try {
    await file.writeFile(text);
    await file.datasync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
  // The rename itself is durable only once the directory is.
  const directory = await open(dirname(path), "r");
  await directory.sync().finally(() => directory.close());
}

/** Ends in .tmp, which readers of a directory pass over; the pid keeps two processes apart. */
const temporaryName = (path: string): string => `${path}.${process.pid}.tmp`;

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function describe(stats: Stats): FileStatus {
  return { kind: kindOf(stats), uid: stats.uid, mode: stats.mode & 0o7777, size: stats.size };
}

function kindOf(stats: Stats): FileStatus["kind"] {
  if (stats.isSymbolicLink()) return "link";
  if (stats.isDirectory()) return "directory";
  return stats.isFile() ? "file" : "other";
}
