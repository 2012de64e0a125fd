import { dirname } from "node:path";
import { importConfigModule } from "../host/config-module.ts";
import type { ConfigReader } from "../host/config-reader.ts";
import type { HostFacts } from "../model/host.ts";
import type { Problem } from "../model/source.ts";
import { explainThrown } from "./config-errors.ts";
import { defaultInclude } from "./discover.ts";
import type { Draft } from "./drafts.ts";
import { expandPattern } from "./glob.ts";
import { literalEntries } from "./literal.ts";
import { problemAt, shown } from "./problem.ts";
import { namePattern } from "./schema.ts";
import { didYouMean } from "./suggest.ts";
import type { MapNode, Source, Span, Tree } from "./tree.ts";
import { treeOfValue } from "./value-tree.ts";

/** What pavlos.config.ts says. */
export interface ConfigFile {
  /** Null: the directory's name. */
  readonly project: string | null;
  readonly drafts: readonly Draft[];
  readonly networks: Tree | null;
  /** Further files, absolute. */
  readonly included: readonly string[];
}

export interface Evaluation {
  readonly path: string;
  readonly host: HostFacts;
  readonly reader: ConfigReader;
  readonly follow: (file: string) => void;
  readonly problems: Problem[];
}

/** Runs pavlos.config.ts as it is on disk now; null: it is of no use, which is reported. */
export async function evaluateConfig(evaluation: Evaluation): Promise<ConfigFile | null> {
  const { path, reader, problems } = evaluation;
  const text = reader.readText(path);
  const source: Source = { file: path, text: text.ok ? text.value : "" };
  const value = await exported(evaluation, source);
  if (value === null) return null;
  const tree = treeOfValue(
    value.value,
    { span: exportSpan(source), literal: configLiteral(source) },
    { source, problems },
  );
  if (tree?.kind === "map") return configOf(tree, evaluation);
  problems.push(wrongExport(source, `the default export is ${described(value.value)}`));
  return null;
}

async function exported(evaluation: Evaluation, source: Source): Promise<{ readonly value: unknown } | null> {
  const { path, host, reader, problems } = evaluation;
  const imported = await importConfigModule(path);
  for (const file of imported.files) evaluation.follow(file);
  const { outcome } = imported;
  if (outcome.kind === "thrown") {
    problems.push(explainThrown(outcome.error, source, reader));
    return null;
  }
  if (!("default" in outcome.exports)) {
    problems.push(wrongExport(source, "the file has no default export"));
    return null;
  }
  const given = outcome.exports.default;
  try {
    return { value: await (typeof given === "function" ? given(host) : given) };
  } catch (error) {
    problems.push(explainThrown(error, source, reader));
    return null;
  }
}

const keys = ["project", "include", "networks", "environments"] as const;

function configOf(tree: MapNode, evaluation: Evaluation): ConfigFile {
  for (const [key, entry] of tree.entries) {
    if (keys.some((known) => known === key)) continue;
    evaluation.problems.push(
      problemAt(entry.key, {
        code: "unknown-key",
        message: `there is no field \`${key}\` in pavlos.config.ts`,
        expected: "project, include, networks or environments",
        hint: didYouMean(key, keys) ?? "environments go below `environments`, each by its name",
      }),
    );
  }
  return {
    project: projectOf(tree, evaluation),
    drafts: draftsOf(tree, evaluation),
    networks: tree.entries.get("networks")?.value ?? null,
    included: includedOf(tree, evaluation),
  };
}

function projectOf(tree: MapNode, { problems }: Evaluation): string | null {
  const node = tree.entries.get("project")?.value;
  if (!node) return null;
  if (node.kind === "scalar" && typeof node.value === "string" && namePattern.test(node.value))
    return node.value;
  problems.push(wrong(node, "project", "lower-case letters, digits and -, at most 63, the first no -"));
  return null;
}

function includedOf(tree: MapNode, { path, reader, problems }: Evaluation): readonly string[] {
  const root = dirname(path);
  const node = tree.entries.get("include")?.value;
  if (!node) return defaultInclude.flatMap((pattern) => expandPattern(root, pattern, reader));
  if (node.kind !== "list") {
    problems.push(wrong(node, "include", 'a list of files such as ["environments/*.yaml"]'));
    return [];
  }
  return node.items.flatMap((item) => {
    if (item.kind !== "scalar" || typeof item.value !== "string") {
      problems.push(wrong(item, "include", 'a list of files such as ["environments/*.yaml"]'));
      return [];
    }
    const found = expandPattern(root, item.value, reader);
    if (found.length === 0 && !/[*?]/.test(item.value)) {
      problems.push(
        problemAt(item.span, {
          code: "include-missing",
          message: `there is no file ${item.value}`,
          hint: "the path is relative to pavlos.config.ts",
        }),
      );
    }
    return found;
  });
}

function draftsOf(tree: MapNode, { problems }: Evaluation): readonly Draft[] {
  const entry = tree.entries.get("environments");
  if (!entry) return [];
  if (entry.value.kind !== "map") {
    problems.push(wrong(entry.value, "environments", "an object of environments by name"));
    return [];
  }
  const drafts: Draft[] = [];
  for (const [name, { key, value }] of entry.value.entries) {
    if (value.kind === "map") drafts.push({ tree: value, defaultName: name, span: key, selected: true });
    else problems.push(wrong(value, `environments.${name}`, 'an object such as { rootfs: "host" }'));
  }
  return drafts;
}

const wrong = (node: Tree, name: string, expected: string): Problem =>
  problemAt(node.span, {
    code: "wrong-type",
    message: `\`${name}\` cannot be ${node.kind === "scalar" ? shown(node.value) : `a ${node.kind}`}`,
    expected,
  });

const wrongExport = (source: Source, message: string): Problem =>
  problemAt(exportSpan(source), {
    code: "wrong-export",
    message,
    expected:
      "export default defineConfig({ environments: { ... } }), or a function that returns such an object",
  });

const described = (value: unknown): string =>
  value === undefined ? "undefined" : typeof value === "object" ? "no plain object" : shown(value);

/** The line of the default export, else the first one. */
function exportSpan(source: Source): Span {
  const at = source.text.search(/^export default\b/m);
  return at < 0 ? { source, start: 0, end: 1 } : { source, start: at, end: at + "export default".length };
}

/** Offset of the object literal that has `environments` in it, or another field of a configuration. */
function configLiteral(source: Source): number | null {
  const { text } = source;
  const from = Math.max(0, text.search(/^export default\b/m));
  for (let open = text.indexOf("{", from); open >= 0; open = text.indexOf("{", open + 1)) {
    if (literalEntries(text, open).some((entry) => keys.some((key) => key === entry.key))) return open;
  }
  return null;
}
