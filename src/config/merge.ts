import type { Entry, MapNode, Tree } from "./tree.ts";

/** Maps that are one choice: another choice replaces them as a whole. */
const choices = [/^rootfs$/, /^secrets\.[^.]+$/];
/** What a file says only of itself. */
const own = new Set(["name", "extends"]);

/**
 * `over` on top of `base`, deeply: maps are merged, anything else is replaced, an empty value removes
 * what the base says. Every value keeps its own place.
 */
export function mergeTrees(base: MapNode, over: MapNode): MapNode {
  const inherited = new Map([...base.entries].filter(([key]) => !own.has(key)));
  return merge({ ...base, entries: inherited }, over, "");
}

function merge(base: MapNode, over: MapNode, path: string): MapNode {
  const entries = new Map<string, Entry>(base.entries);
  for (const [key, entry] of over.entries) {
    const inner = path === "" ? key : `${path}.${key}`;
    const below = base.entries.get(key)?.value;
    entries.set(key, { key: entry.key, value: below ? mergeValue(below, entry.value, inner) : entry.value });
  }
  return { kind: "map", entries, span: over.span };
}

function mergeValue(base: Tree, over: Tree, path: string): Tree {
  if (base.kind !== "map" || over.kind !== "map" || choices.some((choice) => choice.test(path))) return over;
  return merge(base, over, path);
}

/** Leaves out what an empty value removed or never filled: `resources:` with nothing below. */
export function withoutEmpty(tree: MapNode, path = ""): MapNode {
  const entries = new Map<string, Entry>();
  for (const [key, entry] of tree.entries) {
    const { value } = entry;
    if (value.kind === "scalar" && value.value === null && !isFree(path)) continue;
    entries.set(key, value.kind === "map" ? { key: entry.key, value: withoutEmpty(value, key) } : entry);
  }
  return entries.size === tree.entries.size &&
    [...entries].every(([key, entry]) => tree.entries.get(key) === entry)
    ? tree
    : { ...tree, entries };
}

const isFree = (path: string): boolean => path === "env" || path === "labels";
