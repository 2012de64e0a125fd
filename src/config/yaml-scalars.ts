import type { Entry, ScalarNode, Source, Tree } from "./tree.ts";

/** Offset behind the quoted text that begins at `start`; -1: it has escapes or does not end here. */
export function quotedEnd(text: string, start: number, end: number): number {
  const quote = text[start] ?? "";
  const close = text.indexOf(quote, start + 1);
  if (close < 0 || close >= end || text[close + 1] === quote) return -1;
  return quote === '"' && text.slice(start, close).includes("\\") ? -1 : close + 1;
}

/** A plain or quoted value on one line; null: not one of the everyday kind. */
export function scalarNode(source: Source, start: number, end: number): ScalarNode | null {
  const written = source.text.slice(start, end);
  const span = { source, start, end };
  if (written[0] === '"' || written[0] === "'") {
    const text = written.slice(1, -1);
    return { kind: "scalar", value: text, text, plain: false, span };
  }
  if (!/^[A-Za-z0-9_./$~+-]/.test(written) || /: |:$| #|^- |^-$/.test(written)) return null;
  const value = plainValueOf(written);
  return value === undefined ? null : { kind: "scalar", value, text: written, plain: true, span };
}

/** As YAML's core schema reads it; undefined: one of its rarer forms. */
function plainValueOf(text: string): string | number | boolean | null | undefined {
  if (/^[-+.0-9]/.test(text)) {
    if (/^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text))
      return text.length > 15 ? undefined : Number(text);
    return /^(0[ox]|[-+]?\.(inf|nan))/i.test(text) || text === "..." || text === "---" ? undefined : text;
  }
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  return /^(~|null|Null|NULL)$/.test(text) ? null : text;
}

/** YAML's null cannot be a key here: yaml.ts says so. */
export const isNull = (key: string): boolean => key.length === 4 && key.toLowerCase() === "null";

const flowKey = /([A-Za-z_][A-Za-z0-9_.-]*): +/y;
const flowPlain = /[A-Za-z0-9_./$~+-][A-Za-z0-9_./$~+=@%-]*(?: +[A-Za-z0-9_./$~+=@%-]+)*/y;

/** Brackets within brackets; what is nested deeper is the whole parser's. */
const deepestFlow = 8;

interface Line {
  readonly source: Source;
  /** Offset behind the last character of the line. */
  readonly end: number;
}

/** `[a, "b"]` or `{a: [1]}` that begins at `start` and ends on its line; null: something else is in it. */
export const flowNode = (source: Source, start: number, end: number): Tree | null =>
  flowAt({ source, end }, start, 1);

function flowAt(line: Line, start: number, depth: number): Tree | null {
  const { source } = line;
  const { text } = source;
  const isList = text[start] === "[";
  const close = isList ? "]" : "}";
  const items: Tree[] = [];
  const entries = new Map<string, Entry>();
  let at = skip(text, start + 1);
  while (text[at] !== close) {
    let key: string | undefined;
    const keyStart = at;
    if (!isList) {
      flowKey.lastIndex = at;
      key = flowKey.exec(text)?.[1];
      if (key === undefined || entries.has(key) || isNull(key) || key === "__proto__") return null;
      at = flowKey.lastIndex;
    }
    const value = flowValue(line, at, depth);
    if (value === null) return null;
    if (key === undefined) items.push(value);
    else entries.set(key, { key: { source, start: keyStart, end: keyStart + key.length }, value });
    at = skip(text, value.span.end);
    if (text[at] === ",") at = skip(text, at + 1);
    else if (text[at] !== close) return null;
  }
  const span = { source, start, end: at + 1 };
  return isList ? { kind: "list", items, span } : { kind: "map", entries, span };
}

function flowValue(line: Line, at: number, depth: number): Tree | null {
  const { source, end } = line;
  const { text } = source;
  if (text[at] === "[" || text[at] === "{") return depth < deepestFlow ? flowAt(line, at, depth + 1) : null;
  if (text[at] === '"' || text[at] === "'") {
    const after = quotedEnd(text, at, end);
    return after < 0 ? null : scalarNode(source, at, after);
  }
  flowPlain.lastIndex = at;
  const written = flowPlain.exec(text)?.[0];
  return written === undefined ? null : scalarNode(source, at, at + written.length);
}

function skip(text: string, from: number): number {
  let at = from;
  while (text[at] === " ") at += 1;
  return at;
}
