import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseAllDocuments,
  type Scalar,
  type YAMLMap,
} from "yaml";
import type { Problem } from "../model/source.ts";
import { problemAt, shown } from "./problem.ts";
import type { Entry, MapNode, ScalarNode, Source, Span, Tree } from "./tree.ts";
import { explainSyntax } from "./yaml-errors.ts";

/** What a YAML file holds: one tree a document (null: an empty one), and what is wrong with it. */
export interface Parsed {
  /** Null: it could not be read. */
  readonly source: Source | null;
  readonly documents: readonly (Tree | null)[];
  readonly problems: readonly Problem[];
}

/** Lists and maps within each other. */
const maximumDepth = 100;

/** More nodes than this, aliases unfolded, are no configuration but an attack or an accident. */
const maximumNodes = 100_000;

/** All of YAML 1.2, by the yaml package; what yaml-plain.ts leaves over comes here. */
export function parseYaml(source: Source): Parsed {
  try {
    return parse(source);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const span = { source, start: 0, end: 1 };
    return {
      source,
      documents: [],
      problems: [
        problemAt(span, {
          code: "yaml-syntax",
          message: "the file is nested too deeply, or grows too large through aliases",
        }),
      ],
    };
  }
}

function parse(source: Source): Parsed {
  const parsed = parseAllDocuments(source.text, { prettyErrors: false, merge: false, version: "1.2" });
  const documents: (Tree | null)[] = [];
  const problems: Problem[] = [];
  const list = Array.isArray(parsed) ? parsed : [];
  for (const document of list) {
    const found = explainSyntax(document, source);
    if (found.length > 0) {
      problems.push(...found);
      continue;
    }
    const converter: Converter = { source, document, problems, nodes: 0, open: new Set() };
    const before = problems.length;
    const tree = document.contents === null ? null : convert(document.contents, converter);
    if (problems.length === before) documents.push(tree);
  }
  return { source, documents, problems };
}

interface Converter {
  readonly source: Source;
  readonly document: Document;
  readonly problems: Problem[];
  nodes: number;
  /** Nodes that are being converted: an alias to one of them would have no end. */
  readonly open: Set<Node>;
}

function convert(node: Node, to: Converter): Tree {
  const span = spanOf(node, to);
  to.nodes += 1;
  if (to.nodes > maximumNodes || to.open.size > maximumDepth) throw new RangeError("too many nodes");
  if (isScalar(node)) return scalar(node, span);
  to.open.add(node);
  try {
    if (isMap(node)) return convertMap(node, span, to);
    if (isSeq(node))
      return { kind: "list", items: node.items.map((item) => convert(item as Node, to)), span };
  } finally {
    to.open.delete(node);
  }
  if (!isAlias(node)) return refused(span, to, "it is of an unknown kind");
  const target = node.resolve(to.document);
  if (!target) return refused(span, to, `nothing is called &${node.source}`);
  return to.open.has(target) ? refused(span, to, "it refers to itself") : convert(target, to);
}

function scalar(node: Scalar, span: Span): ScalarNode {
  const plain = node.type === "PLAIN";
  const { value } = node;
  const text = plain ? (node.source ?? String(value)) : String(value ?? "");
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
    return { kind: "scalar", value, text, plain, span };
  }
  return { kind: "scalar", value: value === null ? null : String(value), text, plain, span };
}

function convertMap(node: YAMLMap, span: Span, to: Converter): MapNode {
  const entries = new Map<string, Entry>();
  const merged: Tree[] = [];
  for (const pair of node.items as Pair<Node, Node | null>[]) {
    const key = keyOf(pair.key, to);
    if (key === null) continue;
    const keySpan = spanOf(pair.key, to);
    const after: Span = { source: to.source, start: keySpan.end, end: keySpan.end + 1 };
    const value = pair.value ? convert(pair.value, to) : empty(after);
    if (key === "<<") merged.push(value);
    else entries.set(key, { key: keySpan, value });
  }
  for (const value of merged) mergeInto(entries, value);
  return { kind: "map", entries, span };
}

/** YAML's `<<`: what the map itself says wins. */
function mergeInto(entries: Map<string, Entry>, value: Tree): void {
  if (value.kind === "list") for (const item of value.items) mergeInto(entries, item);
  if (value.kind !== "map") return;
  for (const [key, entry] of value.entries) if (!entries.has(key)) entries.set(key, entry);
}

function keyOf(node: Node, to: Converter): string | null {
  if (isScalar(node) && node.value !== null) {
    const key = node.source ?? String(node.value);
    if (key !== "__proto__") return key;
  }
  const span = spanOf(node, to);
  const message = isScalar(node) ? `${shown(node.value)} cannot be a key` : "a key has to be a text";
  to.problems.push(problemAt(span, { code: "wrong-key", message, expected: "a text such as `name`" }));
  return null;
}

function refused(span: Span, to: Converter, why: string): ScalarNode {
  to.problems.push(
    problemAt(span, {
      code: "yaml-alias",
      message: `this alias cannot be followed: ${why}`,
      hint: "put a value that begins with * in quotes",
    }),
  );
  return empty(span);
}

const empty = (span: Span): ScalarNode => ({ kind: "scalar", value: null, text: "", plain: true, span });

function spanOf(node: Node, to: Converter): Span {
  const [start, end] = node.range ?? [0, 0];
  return { source: to.source, start, end };
}
