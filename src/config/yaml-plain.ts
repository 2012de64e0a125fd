import type { Entry, ListNode, MapNode, ScalarNode, Source, Tree } from "./tree.ts";
import { flowNode, isNull, quotedEnd, scalarNode } from "./yaml-scalars.ts";

/**
 * Reads the everyday part of YAML many times faster than a whole parser, and gives exactly the tree
 * that yaml.ts would: block maps and lists, values on one line. Null: there is more in the file than
 * that, or something is wrong with it, and yaml.ts has the word.
 */
export function parsePlainYaml(source: Source): MapNode | null {
  // Tabs, carriage returns, other control characters and byte order marks have rules of their own;
  // what lies beyond the basic plane would make this check slow.
  if (/[^\n\x20-\x7e\u00a0-\ud7ff\ue000-\ufefe]/.test(source.text)) return null;
  const reader = open(source);
  if (reader.indents[0] !== 0 || reader.indents.some((indent) => indent > deepest)) return null;
  const tree = readMap(reader, 0);
  return reader.failed || reader.at < reader.starts.length ? null : tree;
}

/** Columns of indentation: with what brackets add, less than the depth that yaml.ts refuses. */
const deepest = 90;

interface Reader {
  readonly source: Source;
  /** Of each line that is neither empty nor a comment: offset of its first character and its column. */
  readonly starts: number[];
  readonly indents: number[];
  /** Offset behind the last character that is no space. */
  readonly ends: number[];
  /** The next line. */
  at: number;
  failed: boolean;
}

function open(source: Source): Reader {
  const { text } = source;
  const reader: Reader = { source, starts: [], indents: [], ends: [], at: 0, failed: false };
  for (let begin = 0; begin < text.length; ) {
    const next = text.indexOf("\n", begin);
    let end = next < 0 ? text.length : next;
    let start = begin;
    begin = end + 1;
    const line = start;
    while (start < end && text[start] === " ") start += 1;
    while (end > start && text[end - 1] === " ") end -= 1;
    if (start === end || text[start] === "#") continue;
    reader.starts.push(start);
    reader.indents.push(start - line);
    reader.ends.push(end);
  }
  return reader;
}

function fail(reader: Reader, start: number): ScalarNode {
  reader.failed = true;
  reader.at = reader.starts.length;
  return empty(reader, start);
}

const keyPattern = /([A-Za-z_][A-Za-z0-9_.-]*):(?=[ \n]|$) */y;

function readMap(reader: Reader, indent: number): MapNode {
  const { source, starts, indents } = reader;
  const entries = new Map<string, Entry>();
  const first = starts[reader.at] ?? 0;
  let end = first;
  while (reader.at < starts.length && indents[reader.at] === indent) {
    const start = starts[reader.at] ?? 0;
    keyPattern.lastIndex = start;
    const key = keyPattern.exec(source.text)?.[1];
    if (key === undefined || entries.has(key) || isNull(key) || key === "__proto__") {
      fail(reader, start);
      break;
    }
    const value = readValue(reader, { indent, at: keyPattern.lastIndex, colon: start + key.length + 1 });
    entries.set(key, { key: { source, start, end: start + key.length }, value });
    end = Math.max(start + key.length + 1, value.span.end);
  }
  if ((indents[reader.at] ?? -1) > indent) fail(reader, first);
  return { kind: "map", entries, span: { source, start: first, end } };
}

function readList(reader: Reader, indent: number): ListNode {
  const { source, starts, indents, ends } = reader;
  const items: Tree[] = [];
  const first = starts[reader.at] ?? 0;
  let end = first;
  while (
    reader.at < starts.length &&
    indents[reader.at] === indent &&
    source.text.startsWith("- ", starts[reader.at])
  ) {
    let start = (starts[reader.at] ?? 0) + 2;
    while (source.text[start] === " ") start += 1;
    if (start >= (ends[reader.at] ?? 0) || source.text.startsWith("- ", start)) {
      fail(reader, start);
      break;
    }
    keyPattern.lastIndex = start;
    const item = keyPattern.test(source.text)
      ? readItemMap(reader, start)
      : readScalarLine(reader, start, indent);
    items.push(item);
    end = item.span.end;
  }
  if ((indents[reader.at] ?? -1) > indent) fail(reader, first);
  return { kind: "list", items, span: { source, start: first, end } };
}

/** `- key: value`: the rest of the line is the first line of a map that is indented that far. */
function readItemMap(reader: Reader, start: number): Tree {
  const indent = (reader.indents[reader.at] ?? 0) + start - (reader.starts[reader.at] ?? 0);
  reader.starts[reader.at] = start;
  reader.indents[reader.at] = indent;
  return readMap(reader, indent);
}

/** What follows `key:`, on its line or below it. */
function readValue(reader: Reader, key: { indent: number; at: number; colon: number }): Tree {
  const { source, starts, indents, ends } = reader;
  const { text } = source;
  const isBelow = key.at >= (ends[reader.at] ?? 0) || text[key.at] === "#";
  if (!isBelow) return readScalarLine(reader, key.at, key.indent);
  reader.at += 1;
  const indent = indents[reader.at] ?? -1;
  const isItem = text.startsWith("- ", starts[reader.at] ?? text.length);
  if (isItem && indent >= key.indent) return readList(reader, indent);
  if (indent > key.indent) return readMap(reader, indent);
  return empty(reader, key.colon);
}

/** A value that has to end on the line it begins on. */
function readScalarLine(reader: Reader, start: number, indent: number): Tree {
  const { source, indents, ends } = reader;
  const { text } = source;
  const lineEnd = ends[reader.at] ?? start;
  reader.at += 1;
  if ((indents[reader.at] ?? -1) > indent) return fail(reader, start);
  const first = text[start];
  if (first === "[" || first === "{") {
    const node = flowNode(source, start, lineEnd);
    return node !== null && isRest(text, node.span.end, lineEnd) ? node : fail(reader, start);
  }
  if (first === '"' || first === "'") {
    const end = quotedEnd(text, start, lineEnd);
    const node = end > 0 && isRest(text, end, lineEnd) ? scalarNode(source, start, end) : null;
    return node ?? fail(reader, start);
  }
  const comment = text.indexOf(" #", start);
  let end = comment < 0 || comment > lineEnd ? lineEnd : comment;
  while (text[end - 1] === " ") end -= 1;
  return scalarNode(source, start, end) ?? fail(reader, start);
}

/** Nothing but a comment follows. */
const isRest = (text: string, from: number, end: number): boolean => /^( +#.*)?$/.test(text.slice(from, end));

function empty(reader: Reader, at: number): ScalarNode {
  return {
    kind: "scalar",
    value: null,
    text: "",
    plain: true,
    span: { source: reader.source, start: at, end: at },
  };
}
