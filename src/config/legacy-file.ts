import { dirname } from "node:path";
import type { ConfigReader } from "../host/config-reader.ts";
import type { Desired } from "../model/project.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Notice, Problem } from "../model/source.ts";
import { unreadable } from "./documents.ts";
import { type LegacyEnvironment, type LegacyFacts, translateLegacy } from "./legacy.ts";
import { type LoadOptions, loadTree } from "./load.ts";
import { problemAt } from "./problem.ts";
import { type Source, toPlain } from "./tree.ts";
import { parseYaml } from "./yaml.ts";

export interface LegacyDesired {
  /** One environment; the project is the file's directory. */
  readonly desired: Desired;
  readonly notices: readonly Notice[];
}

/** `pavlos run FILE.json`: the file's environment, resolved and checked. `file` is absolute. */
export async function loadLegacy(
  file: string,
  options: LoadOptions & Partial<LegacyFacts>,
): Promise<Result<LegacyDesired, readonly Problem[]>> {
  const legacy = readLegacy(file, options.reader, options);
  if (!legacy.ok) return legacy;
  const { tree, name, notices } = legacy.value;
  const desired = await loadTree(options, { root: options.reader.realpath(dirname(file)), tree, name, file });
  return desired.ok ? success({ desired: desired.value, notices }) : desired;
}

/** `pavlos import FILE.json`: the same as text for environments/<name>.yaml; notices become comments. */
export async function importLegacy(
  file: string,
  reader: ConfigReader,
  facts: Partial<LegacyFacts> = {},
): Promise<
  Result<
    { readonly name: string; readonly yaml: string; readonly notices: readonly Notice[] },
    readonly Problem[]
  >
> {
  const legacy = readLegacy(file, reader, facts);
  if (!legacy.ok) return legacy;
  const { tree, name, notices } = legacy.value;
  const { stringify } = await import("yaml");
  const head = [
    `Imported from ${file.split("/").at(-1)}.`,
    ...notices.map(({ message, hint }) => `Note: ${message}${hint ? ` (${hint})` : ""}.`),
  ];
  return success({
    name,
    yaml: `${head.map((line) => `# ${line}\n`).join("")}${stringify(toPlain(tree), { lineWidth: 100 })}`,
    notices,
  });
}

function readLegacy(
  file: string,
  reader: ConfigReader,
  { hasDefaultRoot = false }: Partial<LegacyFacts>,
): Result<LegacyEnvironment, readonly Problem[]> {
  const text = reader.readText(file);
  if (!text.ok) return failure([unreadable(file, text.failure)]);
  const source: Source = { file, text: text.value };
  const syntax = jsonProblem(source);
  if (syntax) return failure([syntax]);
  // JSON is YAML: this parser keeps the place of every value.
  const { documents, problems } = parseYaml(source);
  const [tree] = documents;
  if (problems.length > 0 || !tree) return failure(problems);
  return translateLegacy(tree, { hasDefaultRoot });
}

/** What JSON.parse has against the text, at its place. */
function jsonProblem(source: Source): Problem | null {
  try {
    JSON.parse(source.text);
    return null;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const position = /position (\d+)/.exec(message)?.[1];
    const start = position === undefined ? Math.max(0, source.text.trimEnd().length - 1) : Number(position);
    return problemAt(
      { source, start, end: start + 1 },
      {
        code: "json-syntax",
        message: `this is not valid JSON: ${message.replace(/ in JSON at position.*$/, "")}`,
        hint: "correct the file; JSON allows no comments and no comma before a closing bracket",
      },
    );
  }
}
