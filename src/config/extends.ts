import { basename, dirname, resolve } from "node:path";
import type { ConfigReader } from "../host/config-reader.ts";
import type { Problem } from "../model/source.ts";
import { type Documents, notAMap, onlyDocument } from "./documents.ts";
import { interpolateTree, type Lookup } from "./interpolate.ts";
import { mergeTrees } from "./merge.ts";
import { problemAt } from "./problem.ts";
import { type MapNode, placeOfSpan, type ScalarNode, type Span, type Tree } from "./tree.ts";

export interface Extending {
  readonly documents: Documents;
  readonly reader: ConfigReader;
  readonly lookup: Lookup;
  readonly problems: Problem[];
  readonly home: string;
  /** Called with each file that is looked for. */
  readonly follow: (file: string) => void;
  /** Circles that are reported already, by their files. */
  readonly cycles: Set<string>;
}

/** A file on the way, and the value that led to the next. */
interface Step {
  readonly file: string;
  readonly span: Span;
}

/** A tree on top of all that it extends; a file later in the list wins over an earlier one. */
export function extendTree(tree: MapNode, extending: Extending): Promise<MapNode> {
  return extend(tree, [], extending);
}

async function extend(tree: MapNode, chain: readonly Step[], extending: Extending): Promise<MapNode> {
  const entry = tree.entries.get("extends");
  if (!entry) return tree;
  let base: MapNode | null = null;
  for (const reference of references(entry.value, extending)) {
    const below = await read(reference, chain, extending);
    if (below) base = base ? mergeTrees(base, below) : below;
  }
  return base ? mergeTrees(base, tree) : tree;
}

/** The texts of `extends`; what else stands there is the schema's to refuse. */
function references(value: Tree, extending: Extending): readonly ScalarNode[] {
  const filled = interpolateTree(value, extending.lookup, extending.problems);
  const items = filled.kind === "list" ? filled.items : [filled];
  return items.filter(
    (item): item is ScalarNode =>
      item.kind === "scalar" && typeof item.value === "string" && item.value !== "",
  );
}

async function read(
  reference: ScalarNode,
  chain: readonly Step[],
  extending: Extending,
): Promise<MapNode | null> {
  const { source } = reference.span;
  const text = reference.text.startsWith("~/") ? extending.home + reference.text.slice(1) : reference.text;
  const file = resolve(dirname(source.file), text);
  const steps = [...chain, { file: source.file, span: reference.span }];
  const from = steps.findIndex((step) => step.file === file);
  if (from >= 0) return refuseCycle(steps.slice(from), file, extending);
  extending.follow(file);
  if (extending.reader.stat(file) !== "file")
    return refuse(reference, extending, missing(file, extending.reader));
  const parsed = await extending.documents.read(file);
  extending.problems.push(...parsed.problems);
  if (parsed.problems.length > 0) return null;
  const tree = onlyDocument(parsed);
  if (!tree) {
    return refuse(reference, extending, {
      code: "extends-several",
      message: `${file} holds ${parsed.documents.length === 0 ? "no environment" : "several environments"}`,
      hint: "extend a file with exactly one",
    });
  }
  if (tree.kind !== "map") {
    extending.problems.push(notAMap(tree));
    return null;
  }
  return extend(tree, steps, extending);
}

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

function refuse(reference: ScalarNode, { problems }: Extending, { code, message, hint }: Refusal): null {
  problems.push(problemAt(reference.span, { code, message, hint }));
  return null;
}

/** Said once, however many environments run into it. */
function refuseCycle(steps: readonly Step[], file: string, { cycles, problems }: Extending): null {
  const key = steps
    .map((step) => step.file)
    .sort()
    .join("\n");
  const [first] = steps;
  if (!first || cycles.has(key)) return null;
  cycles.add(key);
  const names = [...steps.map((step) => basename(step.file)), basename(file)].join(" -> ");
  const places = steps
    .map(({ span }) => `${basename(span.source.file)}:${placeOfSpan(span).line}`)
    .join(", ");
  const isOne = steps.length === 1;
  problems.push(
    problemAt(first.span, {
      code: "extends-cycle",
      message: isOne
        ? "this file extends itself"
        : `these files extend each other in a circle: ${names} (${places})`,
      hint: isOne ? "remove the line" : "move what they share into a file that extends none of them",
    }),
  );
  return null;
}

const missing = (file: string, reader: ConfigReader): Refusal => ({
  code: "extends-missing",
  message: reader.stat(file) === null ? `${file} does not exist` : `${file} is not a file`,
  hint: "the path is relative to the file that says extends",
});
