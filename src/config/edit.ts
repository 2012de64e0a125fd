import type { Entry, MapNode, Tree } from "./tree.ts";

/** A value to be written at a path of keys; null: the key is to go. */
export interface Edit {
  readonly path: readonly string[];
  /** As it is written in YAML. */
  readonly text: string | null;
}

/**
 * The text of a YAML document with one value changed; everything else stays letter for letter. Null: it
 * cannot be done without writing anew what somebody formatted. Pure.
 */
export function editYaml(tree: MapNode, { path, text }: Edit): string | null {
  const { source } = tree.span;
  const found = descend(tree, path);
  if (text === null) return found.rest.length > 0 ? source.text : removeEntry(source.text, found);
  if (found.rest.length === 0) {
    if (found.node.kind !== "scalar" || isAnchored(source.text, found.node)) return null;
    return splice(source.text, found.node.span, text);
  }
  return found.node.kind === "map" ? insert(source.text, found.node, { keys: found.rest, text }) : null;
}

interface Found {
  readonly node: Tree;
  /** What of the path is not there. */
  readonly rest: readonly string[];
  readonly parent: MapNode | null;
  readonly entry: Entry | null;
}

function descend(tree: MapNode, path: readonly string[]): Found {
  let found: Found = { node: tree, rest: path, parent: null, entry: null };
  while (found.rest.length > 0 && found.node.kind === "map") {
    const [key = "", ...rest] = found.rest;
    const entry = found.node.entries.get(key);
    if (entry === undefined) break;
    found = { node: entry.value, rest, parent: found.node, entry };
  }
  return found;
}

/** `&anchor`, `*alias` or a tag before it: the value belongs to more than this place. */
const isAnchored = (text: string, { span }: Tree): boolean =>
  /[&*!]\S*\s*$/.test(text.slice(text.lastIndexOf("\n", span.start - 1) + 1, span.start)) ||
  text[span.start] === "*";

const splice = (text: string, { start, end }: { readonly start: number; readonly end: number }, by: string) =>
  text.slice(0, start) + by + text.slice(end);

function insert(
  text: string,
  map: MapNode,
  { keys, text: value }: { readonly keys: readonly string[]; readonly text: string },
): string | null {
  const last = [...map.entries.values()].at(-1);
  if (text[map.span.start] === "{") {
    const flow = keys.reduceRight(
      (inner, key, index) => `${key}: ${index === keys.length - 1 ? inner : `{${inner}}`}`,
      value,
    );
    const close = text.indexOf("}", last?.value.span.end ?? map.span.start);
    if (close < 0) return null;
    const before = text.slice(0, close).trimEnd();
    const space = text.slice(before.length, close);
    return `${before}${last === undefined ? "" : ", "}${flow}${space}${text.slice(close)}`;
  }
  if (last === undefined) return null;
  const column = last.key.start - (text.lastIndexOf("\n", last.key.start - 1) + 1);
  const lines = keys.map((key, index) => {
    const indent = " ".repeat(column + 2 * index);
    return index === keys.length - 1 ? `${indent}${key}: ${value}` : `${indent}${key}:`;
  });
  // Behind the comment of the line that the map ends in.
  const end = text.indexOf("\n", Math.max(last.key.end, last.value.span.end - 1));
  if (end < 0) return `${text}\n${lines.join("\n")}\n`;
  return `${text.slice(0, end)}\n${lines.join("\n")}${text.slice(end)}`;
}

/** The line of a block entry, or its part of `{...}`. */
function removeEntry(text: string, { parent, entry }: Found): string | null {
  if (parent === null || entry === null) return null;
  if (text[parent.span.start] === "{") {
    const after = /^\s*,\s*/.exec(text.slice(entry.value.span.end))?.[0].length;
    if (after !== undefined)
      return splice(text, { start: entry.key.start, end: entry.value.span.end + after }, "");
    const before = /,\s*$/.exec(text.slice(0, entry.key.start))?.[0].length ?? 0;
    return splice(text, { start: entry.key.start - before, end: entry.value.span.end }, "");
  }
  const start = text.lastIndexOf("\n", entry.key.start - 1) + 1;
  const end = text.indexOf("\n", Math.max(entry.key.end, entry.value.span.end - 1));
  return splice(text, { start, end: end < 0 ? text.length : end + 1 }, "");
}
