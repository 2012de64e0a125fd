import type { Place } from "../../model/source.ts";
import { placeOfSpan, type Span, type Tree } from "../tree.ts";

/** What became of one key of an imported file. */
export interface Finding {
  /** "services.web.ports[0]" */
  readonly path: string;
  readonly place: Place;
  readonly outcome: "translated" | "approximated" | "lost";
  /** The field that it became; null: none. */
  readonly to: string | null;
  /** What is different, or why it is lost; null: nothing to say. */
  readonly note: string | null;
}

/** A value of an imported file with its place. */
export interface At {
  readonly path: string;
  readonly span: Span;
  readonly node: Tree;
}

/** What imported keys become: values by the path of an environment's field, and a finding for each key. */
export interface Draft {
  readonly values: Map<string, unknown>;
  readonly findings: Finding[];
  /** Next free index of each list. */
  readonly lengths: Map<string, number>;
}

export const newDraft = (): Draft => ({ values: new Map(), findings: [], lengths: new Map() });

/** A value, and in what it is only approximately the same. */
type Said = readonly [value: unknown, note?: string | null];

/** Becomes a field; with a note it is only approximately the same. */
export function put(draft: Draft, at: At, to: string, ...[value, note = null]: Said): undefined {
  draft.values.set(to, value);
  tell(draft, at, { outcome: note === null ? "translated" : "approximated", to, note });
}

/** The path of one key of a map of free names, which may hold dots. */
export const keyed = (map: string, key: string): string => `${map}.${key.replaceAll(".", "\u0001")}`;

/** The steps of a path, without the index of an item. */
export const stepsOf = (path: string): readonly string[] =>
  path.split(".").map((step) => step.replaceAll("\u0001", "."));

/** Becomes one more item of a list. */
export function push(draft: Draft, at: At, list: string, ...[value, note = null]: Said): undefined {
  const index = draft.lengths.get(list) ?? 0;
  draft.lengths.set(list, index + 1);
  put(draft, at, `${list}[${index}]`, value, note);
}

/** Becomes nothing. */
export const lose = (draft: Draft, at: At, note: string): undefined =>
  tell(draft, at, { outcome: "lost", to: null, note });

function tell(draft: Draft, at: At, said: Pick<Finding, "outcome" | "to" | "note">): undefined {
  draft.findings.push({ path: at.path, place: placeOfSpan(at.span), ...said });
}

export type Handler = (at: At) => void;

/** Each key of a map by its handler; without one it is lost, and `unknown` says why. */
export function eachKey(
  draft: Draft,
  at: At,
  handlers: Readonly<Record<string, Handler>>,
  unknown: (key: string) => string = () => "unknown here",
): undefined {
  if (at.node.kind !== "map") return lose(draft, at, `a map is needed, this is ${described(at.node)}`);
  for (const [key, child] of children(at)) {
    const handler = Object.hasOwn(handlers, key) ? handlers[key] : undefined;
    if (handler !== undefined) handler(child);
    else lose(draft, child, key.startsWith("x-") ? "an extension: nothing here reads it" : unknown(key));
  }
}

/** The entries of a map, with what `<<` merges into it. */
export function children(at: At): readonly (readonly [string, At])[] {
  if (at.node.kind !== "map") return [];
  const found = new Map<string, At>();
  for (const [key, { key: span, value }] of at.node.entries) {
    if (key !== "<<") found.set(key, { path: joined(at.path, key), span, node: value });
  }
  const merged = at.node.entries.get("<<");
  const sources =
    merged === undefined ? [] : merged.value.kind === "list" ? merged.value.items : [merged.value];
  for (const source of sources) {
    for (const [key, child] of children({ ...at, node: source })) if (!found.has(key)) found.set(key, child);
  }
  return [...found];
}

/** The items of a list; a single value counts as one. */
export function items(at: At): readonly At[] {
  if (at.node.kind !== "list") return [at];
  return at.node.items.map((node, index) => ({ path: `${at.path}[${index}]`, span: node.span, node }));
}

/** A map, or a list of `key=value`: its pairs. A value that is not there is null. */
export function pairs(at: At): readonly (readonly [string, string | null, At])[] {
  if (at.node.kind === "map") return children(at).map(([key, child]) => [key, textOf(child), child] as const);
  return items(at).map((item) => {
    const text = textOf(item) ?? "";
    const cut = text.indexOf("=");
    return cut < 0
      ? ([text, null, item] as const)
      : ([text.slice(0, cut), text.slice(cut + 1), item] as const);
  });
}

/** A scalar as it was written; null: empty, or none. */
export const textOf = ({ node }: At): string | null =>
  node.kind === "scalar" && node.value !== null ? node.text : null;

const joined = (path: string, key: string): string =>
  path === "" ? key : /^[\w-]+$/.test(key) ? `${path}.${key}` : `${path}[${JSON.stringify(key)}]`;

const described = (node: Tree): string =>
  node.kind === "list" ? "a list" : node.kind === "map" ? "a map" : "a single value";
