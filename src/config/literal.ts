/** An element of an object or list literal in source text, by offsets. */
export interface LiteralEntry {
  /** Null in a list. */
  readonly key: string | null;
  /** Of the key; in a list of the value. */
  readonly start: number;
  readonly end: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}

/**
 * The elements of the object or list literal that opens at an offset. A light look at JavaScript, good
 * enough to show places: what it does not understand (spreads, computed keys, methods) it leaves out.
 */
export function literalEntries(text: string, open: number): readonly LiteralEntry[] {
  const isList = text[open] === "[";
  if (!isList && text[open] !== "{") return [];
  const entries: LiteralEntry[] = [];
  let at = open + 1;
  while (at < text.length) {
    at = skipSpace(text, at);
    if (text[at] === "}" || text[at] === "]" || at >= text.length) break;
    const end = endOfElement(text, at);
    const entry = isList ? item(text, at, end) : property(text, at, end);
    if (entry) entries.push(entry);
    at = text[end] === "," ? end + 1 : end;
    if (text[end] !== ",") break;
  }
  return entries;
}

function item(text: string, start: number, end: number): LiteralEntry {
  const valueEnd = start + text.slice(start, end).trimEnd().length;
  return { key: null, start, end: valueEnd, valueStart: start, valueEnd };
}

function property(text: string, start: number, end: number): LiteralEntry | null {
  const match = /^(?:"([^"\\\n]*)"|'([^'\\\n]*)'|([\p{L}\p{N}_$]+))/u.exec(text.slice(start, end));
  if (!match) return null;
  const key = match[1] ?? match[2] ?? match[3] ?? "";
  const keyEnd = start + match[0].length;
  const colon = skipSpace(text, keyEnd);
  const isShort = text[colon] !== ":";
  const valueStart = isShort ? start : skipSpace(text, colon + 1);
  return {
    key,
    start,
    end: keyEnd,
    valueStart,
    valueEnd: valueStart + text.slice(valueStart, end).trimEnd().length,
  };
}

/** Offset of the comma or closing bracket after an element. */
function endOfElement(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const character = text[at] ?? "";
    const skipped = skipQuoted(text, at);
    if (skipped > at) at = skipped - 1;
    else if ("([{".includes(character)) depth += 1;
    else if (")]}".includes(character)) {
      if (depth === 0) return at;
      depth -= 1;
    } else if (character === "," && depth === 0) return at;
  }
  return text.length;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    while (/\s/.test(text[at] ?? "")) at += 1;
    const skipped = text[at] === "/" ? skipQuoted(text, at) : at;
    if (skipped === at) return at;
    at = skipped;
  }
}

/** The offset behind a string or comment that begins here; the same offset when none does. */
function skipQuoted(text: string, at: number): number {
  if (text.startsWith("//", at)) return orEnd(text.indexOf("\n", at), text);
  if (text.startsWith("/*", at)) return orEnd(text.indexOf("*/", at + 2) + 2, text, 1);
  const quote = text[at];
  if (quote !== '"' && quote !== "'" && quote !== "`") return at;
  for (let end = at + 1; end < text.length; end++) {
    if (text[end] === "\\") end += 1;
    else if (text[end] === quote) return end + 1;
  }
  return text.length;
}

const orEnd = (at: number, text: string, missing = -1): number =>
  at === missing || at < 0 ? text.length : at;
