import type { Problem } from "../model/source.ts";
import { type LiteralEntry, literalEntries } from "./literal.ts";
import { problemAt } from "./problem.ts";
import type { Entry, Source, Span, Tree } from "./tree.ts";

interface Builder {
  readonly source: Source;
  readonly problems: Problem[];
  /** Objects on the way from the root: to meet one again would have no end. */
  readonly open: Set<object>;
}

/** Where a value is shown: its span, and the literal it was written as, if that was found. */
interface Where {
  readonly span: Span;
  readonly literal: number | null;
}

/**
 * A JavaScript value as a tree whose places lie in the source it came from: exact where it was
 * written as a literal, else those of the nearest that was.
 */
export function treeOfValue(
  value: unknown,
  where: Where,
  to: { source: Source; problems: Problem[] },
): Tree | null {
  return convert(value, where, { ...to, open: new Set() });
}

function convert(value: unknown, where: Where, to: Builder): Tree | null {
  const { span } = where;
  if (value === undefined) return null;
  if (value === null) return { kind: "scalar", value, text: "", plain: true, span };
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return { kind: "scalar", value, text: String(value), plain: true, span };
  }
  if (typeof value !== "object")
    return refuse(span, `a ${typeof value} cannot be written in an environment`, to);
  if (to.open.has(value)) return refuse(span, "this value contains itself", to);
  to.open.add(value);
  const tree = Array.isArray(value) ? list(value, where, to) : map(value, where, to);
  to.open.delete(value);
  return tree;
}

function list(value: readonly unknown[], where: Where, to: Builder): Tree {
  const written = entriesAt(where, to);
  const isExact = written.length === value.length;
  const items = value.map((item, index) =>
    convert(item, whereOf(isExact ? written[index] : undefined, where, to), to),
  );
  return { kind: "list", items: items.filter((item) => item !== null), span: where.span };
}

function map(value: object, where: Where, to: Builder): Tree | null {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    const name = value.constructor?.name ?? "object";
    return refuse(where.span, `a ${name} cannot be written in an environment`, to);
  }
  const written = new Map(entriesAt(where, to).map((entry) => [entry.key, entry]));
  const entries = new Map<string, Entry>();
  for (const [key, inner] of Object.entries(value)) {
    const entry = written.get(key);
    const tree = convert(inner, whereOf(entry, where, to), to);
    const span = entry ? { source: to.source, start: entry.start, end: entry.end } : where.span;
    if (tree) entries.set(key, { key: span, value: tree });
  }
  return { kind: "map", entries, span: where.span };
}

const entriesAt = (where: Where, to: Builder): readonly LiteralEntry[] =>
  where.literal === null ? [] : literalEntries(to.source.text, where.literal);

function whereOf(entry: LiteralEntry | undefined, parent: Where, to: Builder): Where {
  if (!entry) return { span: parent.span, literal: null };
  return {
    span: { source: to.source, start: entry.valueStart, end: entry.valueEnd },
    literal: entry.valueStart,
  };
}

function refuse(span: Span, message: string, to: Builder): null {
  to.problems.push(
    problemAt(span, {
      code: "wrong-type",
      message,
      expected: "texts, numbers, booleans, lists and plain objects",
    }),
  );
  return null;
}
