import { basename, dirname, join, relative, resolve } from "node:path";
import type { ConfigReader } from "../../host/config-reader.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { unreadable } from "../documents.ts";
import { problemAt } from "../problem.ts";
import type { MapNode, Source } from "../tree.ts";
import { parseYaml } from "../yaml.ts";
import { type ImportResult, importCompose } from "./compose.ts";
import { importDevcontainer } from "./devcontainer.ts";
import { type Fit, fitToFormat } from "./fit.ts";
import { plainJson } from "./jsonc.ts";
import { kindOf } from "./kind.ts";

export interface ImportOptions {
  /** The directory that holds environments/, absolute. */
  readonly root: string;
  readonly reader: ConfigReader;
  readonly shape?: Fit;
}

/** Reads and translates; `file` is absolute. */
export function readImport(
  file: string,
  { root, reader, shape = fitToFormat }: ImportOptions,
): Result<ImportResult, readonly Problem[]> {
  const text = reader.readText(file);
  if (!text.ok) return failure([unreadable(file, text.failure)]);
  const source: Source = { file, text: text.value };
  const compose = kindOf(file) === "compose";
  const tree = compose ? mapOf(source) : jsonMapOf(source);
  if (!tree.ok) return tree;
  if (compose) return composeOf(tree.value, { source, root, shape });
  // .devcontainer/devcontainer.json is about the directory above.
  const project = /\/\.devcontainer(\/[^/]+)?\/[^/]+$/.test(file)
    ? file.replace(/\/\.devcontainer\/.*$/, "")
    : dirname(file);
  const path = pathFrom(project, root);
  return success(importDevcontainer(tree.value, { directory: basename(project), path }, shape));
}

function composeOf(
  tree: MapNode,
  { source, root, shape }: { readonly source: Source; readonly root: string; readonly shape: Fit },
): Result<ImportResult, readonly Problem[]> {
  const services = tree.entries.get("services")?.value;
  if (services?.kind === "map" && services.entries.size > 0)
    return success(importCompose(tree, pathFrom(dirname(source.file), root), shape));
  const message = "this is no compose file: it has no `services`";
  return failure([
    problemAt(tree.span, {
      code: "not-compose",
      message,
      hint: "`pavlos import` takes compose.yaml, devcontainer.json and FILE.json of the first Pavlos",
    }),
  ]);
}

function jsonMapOf(source: Source): Result<MapNode, readonly Problem[]> {
  const plain = plainJson(source);
  return plain.ok ? mapOf(plain.value) : failure([plain.failure]);
}

function mapOf(source: Source): Result<MapNode, readonly Problem[]> {
  const { documents, problems } = parseYaml(source);
  if (problems.length > 0) return failure(problems);
  const [tree] = documents;
  if (tree?.kind === "map") return success(tree);
  const span = { source, start: 0, end: 1 };
  return failure([problemAt(span, { code: "wrong-type", message: "the file holds no map of keys" })]);
}

/** Relative paths count from the imported file there, and from environments/ here. */
const pathFrom =
  (directory: string, root: string) =>
  (text: string): string => {
    const otherwise = /^(\$\{\w+:-)(\.[^}]*)(\}.*)$/s.exec(text);
    if (otherwise) return `${otherwise[1]}${pathFrom(directory, root)(otherwise[2] ?? "")}${otherwise[3]}`;
    if (text.startsWith("/") || text.startsWith("~") || text.startsWith("${")) return text;
    const path = relative(join(root, "environments"), resolve(directory, text));
    return path.startsWith(".") ? path : `./${path}`;
  };
