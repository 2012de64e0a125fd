import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFile,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  type Stats,
  statfsSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { errnoOf, isMissing } from "./errno.ts";

/** Work on trees that Files has no word for: owners, modes, links, sizes. Missing paths are answers. */
export const trees = {
  /** Text of a file with its links followed; null: missing or not for this caller. */
  readThrough: (path: string): string | null => unlessClosed(() => readFileSync(path, "utf8")),
  /** The same without waiting for it: for what the kernel takes milliseconds to write. Null: unreadable. */
  readAside: (path: string): Promise<string | null> =>
    new Promise((resolve) => readFile(path, "utf8", (error, text) => resolve(error === null ? text : null))),
  /** Where a path really is; null: missing or not for this caller. */
  realPath: (path: string): string | null => unlessClosed(() => realpathSync(path)),
  /** Target of a link; null: it is none. */
  linkTarget: (path: string): string | null => {
    const stats = unlessClosed(() => lstatSync(path));
    return stats?.isSymbolicLink() ? readlinkSync(path) : null;
  },
  isDirectory: (path: string): boolean => trees.stats(path)?.isDirectory() ?? false,
  /** Of what a link leads to; null: missing. */
  realStats: (path: string): Stats | null => unlessClosed(() => statSync(path)),
  rename: (from: string, to: string): void => renameSync(from, to),
  /** A file; a missing one is fine. */
  removeFile: (path: string): void => void unlessClosed(() => unlinkSync(path)),
  /** Sets the time of change (default: to now), where this caller may. */
  touch: (path: string, time = new Date()): void => void unlessClosed(() => utimesSync(path, time, time)),
  /** What is missing is asked for often: an error made for it takes ten times as long as the question. */
  stats: (path: string): Stats | null =>
    unlessClosed(() => lstatSync(path, { throwIfNoEntry: false }) ?? null),
  list: (path: string): readonly string[] => unlessClosed(() => readdirSync(path).sort()) ?? [],
  /** Replaces a file as a whole; everybody may read it. */
  writePublic(path: string, text: string, mode = 0o644): void {
    const temporary = `${path}.${process.pid}.tmp`;
    writeFileSync(temporary, text);
    chmodSync(temporary, mode);
    renameSync(temporary, path);
  },
  /**
   * Writes a file in place, so that it stays the same one for those who have it mounted. Where there is
   * none, none is made: its directory may be about to go.
   */
  overwrite(path: string, text: string): void {
    const file = unlessClosed(() => openSync(path, constants.O_WRONLY));
    if (file === null) return;
    try {
      const bytes = Buffer.from(text);
      writeSync(file, bytes, 0, bytes.length, 0);
      ftruncateSync(file, bytes.length);
    } finally {
      closeSync(file);
    }
  },
  /** Replaces a file as a whole; mode and, where this caller may, owner stay. A link stays one. */
  replaceKeepingMode(path: string, text: string): void {
    const real = realpathSync(path);
    const stats = statSync(real);
    const temporary = `${real}.${process.pid}.tmp`;
    writeFileSync(temporary, text);
    chmodSync(temporary, stats.mode & 0o7777);
    if (process.getuid?.() === 0) chownSync(temporary, stats.uid, stats.gid);
    renameSync(temporary, real);
  },
  /** The same in place: where the file itself is mounted somewhere, a new one would not be seen there. */
  writeInPlace: (path: string, text: string): void => writeFileSync(path, text),
  /** Writes a file of /proc in place; a process that has ended meanwhile is fine. */
  writeKernel(path: string, text: string): void {
    unlessGone(() => writeFileSync(path, text));
  },
  /** Makes a directory with exactly this mode, whatever the umask; one that is there stays as it is. */
  makeDirectory(path: string, mode: number): void {
    if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, mode);
  },
  /** Makes a directory that looks like another: mode, and owner where this caller may give it away. */
  makeLike(path: string, model: string): void {
    if (mkdirSync(path, { recursive: true }) === undefined) return;
    const stats = lstatSync(model);
    if (process.getuid?.() === 0) chownSync(path, stats.uid, stats.gid);
    chmodSync(path, stats.mode & 0o7777);
  },
  makeLink(target: string, path: string): void {
    if (unlessClosed(() => lstatSync(path)) === null) symlinkSync(target, path);
  },
  /** Gives a file a second name; false: the two are on different file systems, or it is not for this caller. */
  shareFile(path: string, name: string): boolean {
    try {
      linkSync(path, name);
      return true;
    } catch (error) {
      if (errnoOf(error) === null) throw error;
      return false;
    }
  },
  /** Is a directory that of an overlay (OVERLAYFS_SUPER_MAGIC of linux/magic.h)? */
  isOverlay: (path: string): boolean => statfsSync(path).type === 0x794c7630,
  copyOwner(path: string, model: string): void {
    const stats = lstatSync(model);
    if (process.getuid?.() === 0) chownSync(path, stats.uid, stats.gid);
  },
  /** Bytes of the files in a tree. A directory that this caller may not look into counts for itself. */
  size: (path: string, except: ReadonlySet<string> = new Set()): number => sizeOf(path, "", except),
};

function sizeOf(root: string, below: string, except: ReadonlySet<string>): number {
  const names = unlessClosed(() => readdirSync(join(root, below)));
  if (names === null) return trees.stats(join(root, below))?.size ?? 0;
  let bytes = 0;
  for (const name of names) {
    const path = `${below}/${name}`;
    if (except.has(path)) continue;
    const stats = unlessClosed(() => lstatSync(join(root, path)));
    if (stats?.isDirectory()) bytes += sizeOf(root, path, except);
    else if (stats?.isFile()) bytes += stats.size;
  }
  return bytes;
}

function unlessGone(write: () => void): void {
  try {
    write();
  } catch (error) {
    if (!isMissing(error) && errnoOf(error) !== "ESRCH") throw error;
  }
}

function unlessClosed<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    const code = errnoOf(error);
    if (isMissing(error) || code === "EACCES" || code === "EPERM" || code === "ELOOP") return null;
    throw error;
  }
}
