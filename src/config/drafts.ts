import type { Problem } from "../model/source.ts";
import { type Found, nameOfFile } from "./discover.ts";
import { notAMap } from "./documents.ts";
import { problemAt } from "./problem.ts";
import type { Loading } from "./resolve.ts";
import { type MapNode, nodeAt, type Span, type Tree } from "./tree.ts";
import type { Parsed } from "./yaml.ts";

/** One environment as its file has it, before extends and variables. */
export interface Draft {
  readonly tree: MapNode;
  /** Where the file gives no name; null: it must give one. */
  readonly defaultName: string | null;
  /** The environment as such. */
  readonly span: Span;
  /** False: left out by -f. */
  readonly selected: boolean;
}

/** What the files say before any of it is resolved. */
export interface Drafts {
  readonly drafts: readonly Draft[];
  /** The project's name where pavlos.config.ts says one. */
  readonly project: string | null;
  /** Its `networks`, of pavlos.config.ts and of pavlos.yaml. */
  readonly networks: readonly Tree[];
}

/** All environments of the files that were found. */
export async function readDrafts(found: Found, loading: Loading): Promise<Drafts> {
  const drafts: Draft[] = [];
  const networks: Tree[] = [];
  let project: string | null = null;
  const queue = [...found.files];
  for (const file of queue) {
    if (file.kind === "yaml") {
      const read = draftsOfYaml(file.path, await loading.documents.read(file.path));
      drafts.push(...read.drafts.map((draft) => ({ ...draft, selected: file.selected })));
      networks.push(...read.networks);
      if (file.selected) loading.problems.push(...read.problems);
      continue;
    }
    const { evaluateConfig } = await import("./config-file.ts");
    const config = await evaluateConfig({ ...loading, path: file.path });
    project ??= config?.project ?? null;
    if (config?.networks) networks.push(config.networks);
    drafts.push(...(config?.drafts ?? []).map((draft) => ({ ...draft, selected: file.selected })));
    for (const path of config?.included ?? []) {
      if (!queue.some((other) => other.path === path))
        queue.push({ path, kind: "yaml", selected: file.selected });
    }
  }
  return { drafts, project, networks };
}

/** The environments of a YAML file, one a document. */
function draftsOfYaml(
  path: string,
  parsed: Parsed,
): {
  readonly drafts: readonly Draft[];
  readonly networks: readonly Tree[];
  readonly problems: readonly Problem[];
} {
  const drafts: Draft[] = [];
  const problems = [...parsed.problems];
  const all = parsed.documents.filter((tree) => tree !== null);
  const shared = all.filter(isOfProject);
  const documents = all.filter((tree) => !isOfProject(tree));
  const defaultName = documents.length === 1 ? nameOfFile(path) : null;
  for (const tree of documents) {
    if (tree.kind === "map") drafts.push({ tree, defaultName, span: firstOf(tree), selected: true });
    else problems.push(notAMap(tree));
  }
  if (all.length === 0 && problems.length === 0) problems.push(emptyFile(path, parsed));
  const networks = shared.flatMap((tree) => nodeAt(tree, ["networks"]) ?? []);
  return { drafts, networks, problems };
}

/** A document that holds nothing but `networks` is no environment: it speaks of the project. */
const isOfProject = (tree: Tree): boolean =>
  tree.kind === "map" && tree.entries.size === 1 && tree.entries.has("networks");

function firstOf(tree: MapNode): Span {
  for (const entry of tree.entries.values()) return entry.key;
  return tree.span;
}

/** An empty file would be an environment of defaults only by accident. */
function emptyFile(path: string, parsed: Parsed): Problem {
  return problemAt(
    { source: parsed.source ?? { file: path, text: "" }, start: 0, end: 1 },
    {
      code: "empty-file",
      message: "the file is empty",
      expected: "an environment, at least `rootfs: host`",
      hint: "remove the file if the environment is to go",
    },
  );
}
