import type { Place } from "../model/source.ts";

/** One text that was read: a file, or what stands for one. */
export interface Source {
  /** Absolute path. */
  readonly file: string;
  readonly text: string;
}

/** A piece of a source: offsets of its first character and of the one after its last. */
export interface Span {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** A value as it was written, with its place; what files become before they are understood. */
export type Tree = MapNode | ListNode | ScalarNode;

export interface MapNode {
  readonly kind: "map";
  readonly entries: ReadonlyMap<string, Entry>;
  readonly span: Span;
}

export interface Entry {
  readonly key: Span;
  readonly value: Tree;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Tree[];
  readonly span: Span;
}

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  /** As written, without quotes: `1.10` stays "1.10" where text is wanted. */
  readonly text: string;
  /** Written without quotes: after interpolation it may become a number or a boolean. */
  readonly plain: boolean;
  readonly span: Span;
}

/** The value as plain data; empty sections (`mounts:` with nothing below) are left out. */
export function toPlain(tree: Tree): unknown {
  if (tree.kind === "scalar") return tree.value;
  if (tree.kind === "list") return tree.items.map(toPlain);
  const plain: Record<string, unknown> = {};
  for (const [key, entry] of tree.entries) plain[key] = toPlain(entry.value);
  return plain;
}

/** The node at a path of keys and indexes; undefined when there is none. */
export function nodeAt(tree: Tree, path: readonly PropertyKey[]): Tree | undefined {
  let node: Tree | undefined = tree;
  for (const step of path) {
    if (node?.kind === "map") node = node.entries.get(String(step))?.value;
    else if (node?.kind === "list") node = node.items[Number(step)];
    else return undefined;
  }
  return node;
}

const lineStarts = new WeakMap<Source, readonly number[]>();

/** Line and column of the beginning of a span. */
export function placeOfSpan(span: Span): Place {
  const starts = startsOf(span.source);
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= span.start) low = middle;
    else high = middle - 1;
  }
  return { file: span.source.file, line: low + 1, column: span.start - (starts[low] ?? 0) + 1 };
}

/** Characters of the span up to the end of its first line; at least 1. */
export function lengthOfSpan(span: Span): number {
  const end = span.source.text.indexOf("\n", span.start);
  return Math.max(1, (end < 0 ? span.end : Math.min(span.end, end)) - span.start);
}

function startsOf(source: Source): readonly number[] {
  const known = lineStarts.get(source);
  if (known) return known;
  const starts = [0];
  for (let at = source.text.indexOf("\n"); at >= 0; at = source.text.indexOf("\n", at + 1))
    starts.push(at + 1);
  lineStarts.set(source, starts);
  return starts;
}
