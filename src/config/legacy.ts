import { failure, type Result, success } from "../model/result.ts";
import type { Notice, Problem } from "../model/source.ts";
import { isolationOf, type LegacyMap, rootOf } from "./legacy-isolation.ts";
import { problemAt, shown } from "./problem.ts";
import { namePattern } from "./schema.ts";
import { didYouMean } from "./suggest.ts";
import type { Entry, MapNode, ScalarNode, Source, Span, Tree } from "./tree.ts";

/** An environment of the first Pavlos in today's format; its values keep their places in the JSON file. */
export interface LegacyEnvironment {
  readonly name: string;
  readonly tree: MapNode;
  /** What was read and has no effect, or another one than it had. */
  readonly notices: readonly Notice[];
}

const known = [
  ...["name", "rootFs", "runtimeArgs", "nvidiaGpus", "ip", "enableIsolation", "isolationOptions"],
  ...["enableResourceIsolation", "initScript", "internals", "Devices"],
];

/** What a translation wants to know of the machine. */
export interface LegacyFacts {
  /** There is a stored root called default. */
  readonly hasDefaultRoot: boolean;
}

/** Translates the JSON format of the first Pavlos, key by key. */
export function translateLegacy(
  tree: Tree,
  facts: LegacyFacts,
): Result<LegacyEnvironment, readonly Problem[]> {
  if (tree.kind !== "map") {
    return failure([
      problemAt(tree.span, {
        code: "wrong-type",
        message: "the file holds no JSON object",
        expected: 'an object such as {"name": "box", "rootFs": "/srv/root"}',
      }),
    ]);
  }
  const legacy = legacyMap(tree, facts);
  const entries = new Map<string, Entry>();
  const put = (key: string, value: Tree | null): void => {
    if (value) entries.set(key, { key: value.span, value });
  };
  refuseUnknown(legacy);
  const name = nameOf(legacy);
  put("name", name);
  put("hostname", hostnameOf(legacy));
  put("rootfs", rootOf(legacy));
  put("command", commandOf(legacy));
  for (const [key, value] of isolationOf(legacy)) put(key, value);
  put("hooks", hooksOf(legacy));
  put("gpus", gpusOf(legacy));
  ignore(legacy);
  if (legacy.problems.length > 0)
    return failure(legacy.problems.toSorted((a, b) => (a.place?.line ?? 0) - (b.place?.line ?? 0)));
  const environment = name?.text ?? "";
  const notices = legacy.notices.map((notice) => ({ code: "legacy", environment, ...notice }));
  return success({ name: environment, tree: escaped({ kind: "map", entries, span: tree.span }), notices });
}

function legacyMap(tree: MapNode, { hasDefaultRoot }: LegacyFacts): LegacyMap {
  return { tree, problems: [], notices: [], hasDefaultRoot };
}

function refuseUnknown(legacy: LegacyMap): void {
  for (const [key, entry] of legacy.tree.entries) {
    if (known.includes(key)) continue;
    legacy.problems.push(
      problemAt(entry.key, {
        code: "unknown-key",
        message: `the first Pavlos has no key \`${key}\``,
        expected: `one of ${known.join(", ")}`,
        hint: didYouMean(key, known),
      }),
    );
  }
}

/** The name, made valid; the file's name is for files without one. */
function nameOf(legacy: LegacyMap): ScalarNode | null {
  const node = legacy.tree.entries.get("name")?.value;
  const written =
    node?.kind === "scalar" && node.value !== null ? node.text : fileName(legacy.tree.span.source);
  const name = written
    .toLowerCase()
    .replaceAll(/[^a-z0-9-]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 63);
  const span = node?.span ?? legacy.tree.span;
  if (!namePattern.test(name)) {
    legacy.problems.push(
      problemAt(span, {
        code: "wrong-value",
        message: `\`name\` cannot be ${shown(written)}`,
        expected: "letters, digits and -",
      }),
    );
    return null;
  }
  if (name !== written) legacy.notices.push({ message: `the name ${shown(written)} became ${name}` });
  return textNode(name, span);
}

/** The legacy name is the host name, as it was written. */
function hostnameOf(legacy: LegacyMap): ScalarNode | null {
  const node = legacy.tree.entries.get("name")?.value;
  return node?.kind === "scalar" && /^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$/.test(node.text)
    ? node
    : null;
}

function commandOf(legacy: LegacyMap): Tree | null {
  const node = legacy.tree.entries.get("runtimeArgs")?.value;
  if (!node || (node.kind === "scalar" && node.value === null)) return null;
  if (node.kind === "list" && node.items.every((item) => item.kind === "scalar")) return node;
  legacy.problems.push(
    problemAt(node.span, {
      code: "wrong-type",
      message: "`runtimeArgs` has to be a list of texts",
      expected: '["/bin/sh", "-c", "..."]',
    }),
  );
  return null;
}

function hooksOf(legacy: LegacyMap): MapNode | null {
  const node = legacy.tree.entries.get("initScript")?.value;
  if (!node || (node.kind === "scalar" && (node.value === null || node.value === ""))) return null;
  const { span } = node;
  if (node.kind === "map") {
    legacy.problems.push(
      problemAt(span, {
        code: "wrong-type",
        message: "`initScript` has to be a text",
        expected: "a command for /bin/sh",
      }),
    );
    return null;
  }
  const created: Tree = { kind: "list", items: [node], span };
  return { kind: "map", entries: new Map([["created", { key: span, value: created }]]), span };
}

/** Exactly the GPUs of these indexes; an empty list means none. */
function gpusOf(legacy: LegacyMap): Tree | null {
  const node = legacy.tree.entries.get("nvidiaGpus")?.value;
  if (!node || (node.kind === "scalar" && node.value === null)) return null;
  if (node.kind === "list" && node.items.every((item) => item.kind === "scalar"))
    return node.items.length === 0 ? null : node;
  legacy.problems.push(
    problemAt(node.span, {
      code: "wrong-type",
      message: "`nvidiaGpus` has to be a list of indexes",
      expected: "[0, 1]",
    }),
  );
  return null;
}

function ignore(legacy: LegacyMap): void {
  for (const key of ["internals", "Devices"]) {
    if (legacy.tree.entries.has(key)) legacy.notices.push({ message: `\`${key}\` has no effect any more` });
  }
}

/** A text that stands for the value at a span. */
export const textNode = (text: string, span: Span): ScalarNode => ({
  kind: "scalar",
  value: text,
  text,
  plain: false,
  span,
});

const fileName = (source: Source): string => (source.file.split("/").at(-1) ?? "").replace(/\.json$/, "");

/** A dollar of the old format is a dollar: `${` meant nothing there. */
function escaped<T extends Tree>(tree: T): T;
function escaped(tree: Tree): Tree {
  if (tree.kind === "list") return { ...tree, items: tree.items.map((item) => escaped(item)) };
  if (tree.kind === "map") {
    const entries = [...tree.entries].map(
      ([key, entry]) => [key, { ...entry, value: escaped(entry.value) }] as const,
    );
    return { ...tree, entries: new Map(entries) };
  }
  if (typeof tree.value !== "string") return tree;
  const text = tree.value.replaceAll(/\$\$|\$(?=\{)/g, (dollars) => dollars + dollars);
  return { ...tree, value: text, text };
}
