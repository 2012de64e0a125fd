import { join } from "node:path";
import { reasonOf } from "../../host/errno.ts";
import type { Files } from "../../host/files.ts";
import { trees } from "../../host/trees.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Place, Problem } from "../../model/source.ts";
import { type LockMap, type LockNode, parseLock, pathKey, printLock } from "./format.ts";

export const lockName = "pavlos.lock";

export type LockPath = readonly [section: string, ...keys: string[]];

/**
 * pavlos.lock beside the configuration: what names stood for when they were last looked up. Changes are
 * kept in memory until `save`, which joins them with what somebody else wrote meanwhile.
 *
 * Sections: images (name, platform -> digest of the manifest), archives (address -> sha256), and what
 * others pin.
 */
export interface LockFile {
  /** Absolute. */
  readonly file: string;
  /** Why it cannot be used; null: it can, also when there is none yet. */
  problem(): Problem | null;
  /** Null: nothing is pinned there. */
  get(path: LockPath): LockNode | null;
  /** Where that is written; null: nowhere yet. */
  place(path: LockPath): Place | null;
  /** Null removes. */
  set(path: LockPath, node: LockNode | null): void;
  /** What `set` has changed and `save` has not written yet, sorted. */
  changes(): readonly LockChange[];
  /** From now on a change is a problem: of `save`, and of whoever asks. */
  freeze(): void;
  readonly frozen: () => boolean;
  /** Writes the changes, if there are any. */
  save(): Result<void, Problem>;
}

export interface LockChange {
  readonly path: LockPath;
  /** Null: was not there. */
  readonly from: LockNode | null;
  /** Null: goes away. */
  readonly to: LockNode | null;
}

export function openLockFile(files: Files, root: string): LockFile {
  const file = join(root, lockName);
  const read = readLock(files, file);
  const before = read.ok ? read.value : { content: {}, lines: new Map<string, number>() };
  const changed = new Map<string, { readonly path: LockPath; readonly node: LockNode | null }>();
  let frozen = false;
  const get = (path: LockPath): LockNode | null => {
    const change = changed.get(pathKey(path));
    return change === undefined ? nodeAt(before.content, path) : change.node;
  };
  const changes = (): readonly LockChange[] =>
    [...changed.values()]
      .map(({ path, node }) => ({ path, from: nodeAt(before.content, path), to: node }))
      .sort((a, b) => (pathKey(a.path) < pathKey(b.path) ? -1 : 1));
  return {
    file,
    problem: () => (read.ok ? null : read.failure),
    get,
    place(path) {
      const line = before.lines.get(pathKey(path));
      return line === undefined ? null : { file, line, column: 1 + 2 * (path.length - 1) };
    },
    set(path, node) {
      if (same(nodeAt(before.content, path), node)) changed.delete(pathKey(path));
      else changed.set(pathKey(path), { path, node });
    },
    changes,
    freeze: () => {
      frozen = true;
    },
    frozen: () => frozen,
    save() {
      if (!read.ok) return failure(read.failure);
      const [first] = changes();
      if (first === undefined) return success(undefined);
      if (frozen) return failure(frozenProblem(file, first));
      const written = writeLock(files, file, changes());
      if (written.ok) changed.clear();
      return written;
    },
  };
}

/** A lock that may not change would have to. */
export const frozenProblem = (file: string, { path, from, to }: LockChange): Problem => ({
  code: "lock-mismatch",
  message: `pavlos.lock ${from === null ? "does not pin" : "no longer matches"} ${path.slice(1).join(" ")}${from !== null && to !== null ? `: ${shown(from)} is ${shown(to)} now` : ""}`,
  place: { file, line: 1, column: 1 },
  hint: "run it without --frozen, or `pavlos update`, and commit pavlos.lock",
});

const shown = (node: LockNode): string => (typeof node === "string" ? node : JSON.stringify(node));

function readLock(files: Files, file: string) {
  const text = files.readText(file);
  return text === null || text.trim() === ""
    ? success({ content: {}, lines: new Map<string, number>() })
    : parseLock(text, file);
}

/** On top of what is there now: another command may have pinned something else. */
function writeLock(files: Files, file: string, changes: readonly LockChange[]): Result<void, Problem> {
  try {
    const now = readLock(files, file);
    if (!now.ok) return now;
    let { content } = now.value as { content: LockMap };
    for (const { path, to } of changes) content = withNode(content, path, to);
    trees.writePublic(file, printLock(content));
    return success(undefined);
  } catch (error) {
    return failure({
      code: "lock-not-writable",
      message: `${file} cannot be written: ${reasonOf(error)}`,
      place: null,
      hint: "set its permissions right; with --frozen it stays as it is",
    });
  }
}

function nodeAt(content: LockMap, path: readonly string[]): LockNode | null {
  let node: LockNode | undefined = content;
  for (const key of path) {
    if (typeof node !== "object" || !Object.hasOwn(node, key)) return null;
    node = node[key];
  }
  return node ?? null;
}

function withNode(content: LockMap, path: readonly string[], node: LockNode | null): LockMap {
  const [key = "", ...rest] = path;
  const { [key]: old, ...others } = content;
  const inner = rest.length === 0 ? node : withNode(typeof old === "object" ? old : {}, rest, node);
  const empty = inner === null || (typeof inner === "object" && Object.keys(inner).length === 0);
  return empty ? others : { ...others, [key]: inner };
}

function same(left: LockNode | null, right: LockNode | null): boolean {
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null)
    return left === right;
  const keys = Object.keys(left);
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => same(left[key] ?? null, right[key] ?? null))
  );
}
