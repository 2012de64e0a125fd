import { basename, dirname, extname, join, resolve } from "node:path";
import type { ConfigReader } from "../host/config-reader.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { expandPattern } from "./glob.ts";
import { problemWithoutPlace } from "./problem.ts";

/** The files of a project, found but not yet read. */
export interface Found {
  /** Real path of the directory that holds the configuration. */
  readonly root: string;
  readonly files: readonly FoundFile[];
}

export interface FoundFile {
  /** Absolute. */
  readonly path: string;
  readonly kind: "yaml" | "config";
  /** False: left out by -f; its environments are inactive. */
  readonly selected: boolean;
}

export interface Search {
  readonly cwd: string;
  /** From -f; empty: whatever is found upwards of cwd. */
  readonly files: readonly string[];
  /** The search never goes above it. */
  readonly home: string;
  readonly reader: ConfigReader;
}

export const configName = "pavlos.config.ts";
const yamlNames = ["pavlos.yaml", "pavlos.yml"];
export const defaultInclude = ["environments/*.yaml", "environments/*.yml"];

/** Walks up from cwd to the repository's root; with -f the project of the first file is meant. */
export function discover(search: Search): Result<Found, readonly Problem[]> {
  return search.files.length > 0 ? named(search) : upwards(search);
}

function upwards(search: Search): Result<Found, readonly Problem[]> {
  const cwd = search.reader.realpath(resolve(search.cwd));
  for (const directory of ancestors(cwd, search)) {
    const files = filesIn(directory, search.reader);
    if (files.length > 0) return success({ root: directory, files });
  }
  return failure([
    problemWithoutPlace({
      code: "no-configuration",
      message: `no environments found in ${cwd} or above it`,
      expected: "pavlos.config.ts, pavlos.yaml or environments/*.yaml",
      hint: "run `pavlos init` to make one, or name a file with -f",
    }),
  ]);
}

function named(search: Search): Result<Found, readonly Problem[]> {
  const { reader } = search;
  const problems: Problem[] = [];
  const chosen = new Map<string, FoundFile>();
  for (const file of search.files) {
    const path = reader.realpath(resolve(search.cwd, file));
    if (reader.stat(path) === "file") chosen.set(path, { path, kind: kindOf(path), selected: true });
    else problems.push(notAFile(file, path, reader));
  }
  const [first] = chosen.keys();
  if (problems.length > 0 || first === undefined) return failure(problems);
  for (const directory of ancestors(dirname(first), search)) {
    const others = filesIn(directory, reader);
    // What a pavlos.config.ts includes is known only when it has run.
    if (!others.some((other) => other.path === first || other.kind === "config")) continue;
    const rest = others
      .filter((other) => !chosen.has(other.path))
      .map((other) => ({ ...other, selected: false }));
    return success({ root: directory, files: [...chosen.values(), ...rest] });
  }
  return success({ root: dirname(first), files: [...chosen.values()] });
}

function notAFile(file: string, path: string, reader: ConfigReader): Problem {
  const missing = reader.stat(path) === null;
  return problemWithoutPlace({
    code: missing ? "file-missing" : "not-a-file",
    message: missing ? `the file ${file} does not exist` : `${file} is not a file`,
    expected: "an environment file or a pavlos.config.ts",
    hint: missing ? "correct the path given with -f" : "name a file inside of it with -f",
  });
}

/** From a directory up to the repository's root, the home or the file system's root. */
function* ancestors(from: string, search: Search): Generator<string> {
  const home = search.reader.realpath(search.home);
  for (let directory = from; ; directory = dirname(directory)) {
    yield directory;
    const isEnd = search.reader.stat(join(directory, ".git")) !== null || directory === home;
    if (isEnd || directory === dirname(directory)) return;
  }
}

/** pavlos.config.ts decides alone what else belongs to it. */
function filesIn(directory: string, reader: ConfigReader): readonly FoundFile[] {
  const config = join(directory, configName);
  if (reader.stat(config) === "file") return [{ path: config, kind: "config", selected: true }];
  const single = yamlNames
    .map((name) => join(directory, name))
    .filter((path) => reader.stat(path) === "file");
  const many = defaultInclude.flatMap((pattern) => expandPattern(directory, pattern, reader));
  return [...single, ...many].map((path) => ({ path, kind: "yaml", selected: true }));
}

const kindOf = (path: string): "yaml" | "config" =>
  /^\.[cm]?[jt]s$/.test(extname(path)) ? "config" : "yaml";

/** The environment's name where the file says none: "environments/api.yaml" is "api". */
export const nameOfFile = (path: string): string => basename(path).replace(/\.(ya?ml|json)$/, "");

/** Where a file would count that is not there yet. */
export function watchedPaths(root: string): {
  readonly files: readonly string[];
  readonly directories: readonly string[];
} {
  return {
    files: [configName, ...yamlNames, ".env"].map((name) => join(root, name)),
    directories: [join(root, "environments")],
  };
}
