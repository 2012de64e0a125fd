import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  type Stats,
} from "node:fs";
import { numbersOf } from "./devices.ts";
import { errnoOf, isMissing } from "./errno.ts";

/**
 * Where drivers, /proc, /sys and /dev are looked for: the machine, or a directory that stands for it
 * (PAVLOS_DRIVER_ROOT). Paths are absolute within it, and links are followed within it. What is missing,
 * or not for this caller, is an answer.
 */
export interface DriverTree {
  /** "" is the machine itself. */
  readonly root: string;
  readonly text: (path: string) => string | null;
  readonly bytes: (path: string) => Uint8Array | null;
  /** Works with parts of a file: libraries of drivers have a hundred megabytes. */
  readonly reading: <T>(path: string, work: (part: ReadPart) => T) => T | null;
  /** Sorted; empty: no such directory. */
  readonly list: (path: string) => readonly string[];
  /** With links followed. */
  readonly status: (path: string) => TreeStatus | null;
  /** Both `real` and `status`, in one look. */
  readonly find: (path: string) => { readonly path: string; readonly status: TreeStatus } | null;
  /** The path without links, within the tree; null: it leads nowhere. */
  readonly real: (path: string) => string | null;
}

/** Shorter at the end of the file. */
export type ReadPart = (from: number, length: number) => Buffer;

export interface TreeStatus {
  readonly kind: "file" | "directory" | "socket" | "char" | "block" | "other";
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
  readonly size: number;
  readonly inode: number;
  readonly mtimeMs: number;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
}

export function driverTree(root: string): DriverTree {
  // A look at a machine asks for hundreds of files in the same few directories.
  const walk: Walk = { root, directories: new Set(), missing: new Set() };
  const find = (path: string) => findWithin(walk, path);
  const read = <T>(path: string, work: (file: string) => T): T | null => {
    const real = root === "" ? path : (find(path)?.path ?? null);
    return real === null ? null : unlessClosed(() => work(root + real));
  };
  return {
    root,
    text: (path) => read(path, (file) => readFileSync(file, "utf8")),
    bytes: (path) => read(path, (file) => readFileSync(file)),
    reading: (path, work) => read(path, (file) => reading(file, work)),
    list: (path) => read(path, (file) => readdirSync(file).sort()) ?? [],
    status: (path) => {
      const found = find(path);
      return found === null ? null : statusOf(found.stats);
    },
    find: (path) => {
      const found = find(path);
      return found === null ? null : { path: found.path, status: statusOf(found.stats) };
    },
    real: (path) => find(path)?.path ?? null,
  };
}

/** The machine's, unless the caller names another root. */
export const driverTreeOf = (env: Readonly<Record<string, string | undefined>>): DriverTree =>
  driverTree((env.PAVLOS_DRIVER_ROOT ?? "").replace(/\/+$/, ""));

function statusOf(stats: Stats): TreeStatus {
  const { uid, gid, mode, size, ino: inode, mtimeMs } = stats;
  const kind = stats.isFile()
    ? "file"
    : stats.isDirectory()
      ? "directory"
      : stats.isSocket()
        ? "socket"
        : stats.isCharacterDevice()
          ? "char"
          : stats.isBlockDevice()
            ? "block"
            : "other";
  return { kind, uid, gid, mode: mode & 0o7777, size, inode, mtimeMs, ...numbersOf(stats.rdev) };
}

function reading<T>(file: string, work: (part: ReadPart) => T): T {
  const descriptor = openSync(file, "r");
  try {
    return work((from, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(descriptor, buffer, 0, length, from));
    });
  } finally {
    closeSync(descriptor);
  }
}

interface Walk {
  readonly root: string;
  /** Known to be directories, not links to some: within one look they stay that. */
  readonly directories: Set<string>;
  /** Where there is none. */
  readonly missing: Set<string>;
}

interface Place {
  /** Within the root, without links. */
  readonly path: string;
  readonly stats: Stats;
}

/** Follows links as if `root` were /. Null: it leads nowhere. */
function findWithin({ root, directories, missing }: Walk, path: string): Place | null {
  const slash = path.lastIndexOf("/");
  // Most files lie in a directory that was walked to before.
  const isKnown = directories.has(path.slice(0, slash));
  const left = partsOf(isKnown ? path.slice(slash + 1) : path);
  let done = isKnown ? path.slice(0, slash) : "";
  let links = 0;
  let last: Stats | null = null;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    last = null;
    if (part === "..") {
      done = done.slice(0, Math.max(0, done.lastIndexOf("/")));
      continue;
    }
    const next = `${done}/${part}`;
    if (left.length > 0 && directories.has(next)) {
      done = next;
      continue;
    }
    const stats = missing.has(next) ? null : statsOf(root + next);
    if (stats === null) {
      if (left.length > 0) missing.add(next);
      return null;
    }
    if (!stats.isSymbolicLink()) {
      if (stats.isDirectory()) directories.add(next);
      [done, last] = [next, stats];
      continue;
    }
    links += 1;
    if (links > 40) return null;
    const target = readlinkSync(root + next);
    if (target.startsWith("/")) done = "";
    left.unshift(...partsOf(target));
  }
  const real = done === "" ? "/" : done;
  const stats = last ?? statsOf(root === "" ? real : root + done);
  return stats === null ? null : { path: real, stats };
}

const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

const statsOf = (path: string): Stats | null =>
  unlessClosed(() => lstatSync(path, { throwIfNoEntry: false }) ?? null);

function unlessClosed<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    const code = errnoOf(error) ?? "";
    if (isMissing(error) || ["EACCES", "EPERM", "ELOOP", "EISDIR", "EINVAL"].includes(code)) return null;
    throw error;
  }
}
