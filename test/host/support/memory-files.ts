import { dirname } from "node:path";
import type { FileStatus, Files } from "../../../src/host/files.ts";

export interface MemoryFiles extends Files {
  /** By absolute path. */
  readonly texts: Map<string, string>;
  readonly directories: Map<string, Omit<FileStatus, "kind" | "size">>;
}

/** A file system in memory; `effect` is called before each change and may throw (a crash, a full disk). */
export function memoryFiles(effect: (what: string) => void = () => undefined): MemoryFiles {
  const texts = new Map<string, string>();
  const directories = new Map<string, Omit<FileStatus, "kind" | "size">>([["/", { uid: 0, mode: 0o755 }]]);
  const makeDirectory = (path: string, mode: number): void => {
    if (directories.has(path)) return;
    makeDirectory(dirname(path), mode);
    directories.set(path, { uid: process.getuid?.() ?? 0, mode });
  };
  const replace = (path: string, text: string): void => {
    effect(`write ${path}`);
    if (!directories.has(dirname(path))) throw missing(path);
    texts.set(path, text);
  };
  const below = (path: string) => (entry: string) => entry === path || entry.startsWith(`${path}/`);
  return {
    texts,
    directories,
    readText: (path) => texts.get(path) ?? null,
    list: (path) => (directories.has(path) ? namesIn(path, [...texts.keys(), ...directories.keys()]) : null),
    status(path) {
      const text = texts.get(path);
      if (text !== undefined) return { kind: "file", uid: 0, mode: 0o600, size: text.length };
      const directory = directories.get(path);
      return directory === undefined ? null : { kind: "directory", size: 0, ...directory };
    },
    writable: (path) => texts.has(path) || directories.has(path),
    makeDirectory(path, mode) {
      effect(`mkdir ${path}`);
      makeDirectory(path, mode);
    },
    replace,
    async replaceDurably(path, text) {
      await Promise.resolve();
      replace(path, text);
    },
    create(path, text) {
      if (texts.has(path)) throw Object.assign(new Error(`exists: ${path}`), { code: "EEXIST" });
      replace(path, text);
    },
    append(path, text) {
      effect(`append ${path}`);
      if (!directories.has(dirname(path))) throw missing(path);
      texts.set(path, (texts.get(path) ?? "") + text);
    },
    async remove(path) {
      await Promise.resolve();
      effect(`remove ${path}`);
      for (const entry of [...texts.keys()].filter(below(path))) texts.delete(entry);
      for (const entry of [...directories.keys()].filter(below(path))) directories.delete(entry);
    },
  };
}

function namesIn(directory: string, paths: readonly string[]): readonly string[] {
  const prefix = directory === "/" ? "/" : `${directory}/`;
  const inside = paths.filter((path) => path.startsWith(prefix) && path !== prefix);
  return [...new Set(inside.map((path) => path.slice(prefix.length).split("/")[0] ?? ""))].sort();
}

const missing = (path: string): Error => Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
