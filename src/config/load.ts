import { join } from "node:path";
import type { ConfigReader } from "../host/config-reader.ts";
import type { HostFacts } from "../model/host.ts";
import type { Desired, ProjectIdentity } from "../model/project.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Place, Problem } from "../model/source.ts";
import { dependencyProblems, type Others } from "./dependencies.ts";
import { discover, type Found, watchedPaths } from "./discover.ts";
import { documentStore } from "./documents.ts";
import { type Draft, readDrafts } from "./drafts.ts";
import { projectIdentity } from "./identity.ts";
import { impactTable } from "./impacts.gen.ts";
import { conflicts } from "./network/conflicts.ts";
import { resolveNetworks } from "./network/project.ts";
import { projectVariables } from "./project-variables.ts";
import { type Loading, type Resolved, resolveDraft } from "./resolve.ts";
import type { MapNode } from "./tree.ts";

export interface LoadOptions {
  readonly cwd: string;
  /** From -f, relative to cwd; only these are the desired state, others of the project stay as they are. */
  readonly files?: readonly string[];
  /** From --profile. */
  readonly profiles?: readonly string[];
  readonly host: HostFacts;
  /** The caller's environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly reader: ConfigReader;
}

/** The outcome of loading, and what to follow to know when it may change. */
export interface Loaded {
  readonly result: Result<Desired, readonly Problem[]>;
  /** Every file that was read or missed, absolute; also when the result is a failure. */
  readonly files: readonly string[];
  /** Directories in which a new file would count, absolute; they may not exist yet. */
  readonly directories: readonly string[];
}

/** Finds, reads, resolves and checks all environments of a project. All problems are returned at once. */
export async function loadProject(options: LoadOptions): Promise<Result<Desired, readonly Problem[]>> {
  return (await loadTracked(options)).result;
}

/** As `loadProject`, for `watch`. */
export async function loadTracked(options: LoadOptions): Promise<Loaded> {
  const { reader, cwd, files = [], host } = options;
  const found = discover({ cwd, files, home: host.caller.home, reader });
  if (!found.ok)
    return { result: found, files: [], directories: watchedPaths(reader.realpath(cwd)).directories };
  // A directory that was listed for files is one in which a new file would count.
  const listed = new Set<string>();
  const list: ConfigReader["list"] = (path) => {
    listed.add(path);
    return reader.list(path);
  };
  const loading = begin({ ...options, reader: { ...reader, list } }, found.value);
  const result = await load(loading, found.value);
  const watched = watchedPaths(found.value.root);
  return {
    result,
    files: [...new Set([...loading.files, ...watched.files])],
    directories: [...new Set([...watched.directories, ...listed])],
  };
}

async function load(loading: Loading, found: Found): Promise<Result<Desired, readonly Problem[]>> {
  const { drafts, project, networks } = await readDrafts(found, loading);
  const known = resolveNetworks(networks, loading.problems);
  return desiredOf({ ...loading, networks: known }, drafts, projectIdentity(found.root, project));
}

/** An environment that is already a tree, as the only one of a project at `root`. */
export async function loadTree(
  options: LoadOptions,
  given: GivenTree,
): Promise<Result<Desired, readonly Problem[]>> {
  const { root, tree, name, file } = given;
  const loading = begin(options, { root, files: [] });
  loading.follow(file);
  const draft: Draft = { tree, defaultName: name, span: tree.span, selected: true };
  return await desiredOf(loading, [draft], projectIdentity(root, null));
}

export interface GivenTree {
  /** Real path of the project's directory. */
  readonly root: string;
  readonly tree: MapNode;
  readonly name: string;
  /** Where the tree was read. */
  readonly file: string;
}

async function desiredOf(
  loading: Loading,
  drafts: readonly Draft[],
  project: ProjectIdentity,
): Promise<Result<Desired, readonly Problem[]>> {
  const resolved: Resolved[] = [];
  for (const draft of drafts) {
    const one = await resolveDraft(draft, loading);
    if (one) resolved.push(one);
  }
  loading.problems.push(...conflicts(resolved.filter((one) => one.kind === "active")));
  loading.problems.push(...dependencyProblems(othersIn(resolved)));
  if (loading.problems.length > 0) return failure(sorted(loading.problems, loading.files));
  const active = resolved
    .filter((one) => one.kind === "active")
    .sort((a, b) => (a.environment.name < b.environment.name ? -1 : 1));
  return success({
    project,
    environments: active.map((one) => one.environment),
    inactive: resolved.flatMap((one) => (one.kind === "inactive" ? [one.name] : [])).sort(),
    places: new Map(active.map((one) => [one.environment.name, one.places])),
    impacts: impactTable,
    files: [...loading.files],
    origin: new Map(active.map((one) => [one.environment.name, one.origin])),
  });
}

function othersIn(resolved: readonly Resolved[]): Others {
  const leftOut = (by: "profiles" | "-f") =>
    resolved.flatMap((one) => (one.kind === "inactive" && one.leftOutBy === by ? [one.name] : []));
  return {
    active: resolved.flatMap((one) =>
      one.kind === "active" ? [{ ...one.environment, places: one.places }] : [],
    ),
    sleeping: leftOut("profiles"),
    unselected: leftOut("-f"),
  };
}

function begin(options: LoadOptions, found: Found): Loading {
  const { reader, env, host, profiles = [] } = options;
  const files = new Set<string>();
  const follow = (file: string): void => {
    files.add(file);
  };
  const problems: Problem[] = [];
  const lookup = projectVariables({ file: join(found.root, ".env"), env, reader, follow, problems });
  const documents = documentStore(reader, follow);
  return {
    host,
    env,
    reader,
    profiles,
    networks: resolveNetworks([], []),
    documents,
    lookup,
    problems,
    files,
    follow,
    cycles: new Set(),
    names: new Map(),
  };
}

/** In the order in which the files were read, then by line; what several environments share is said once. */
function sorted(problems: readonly Problem[], files: ReadonlySet<string>): readonly Problem[] {
  const order = new Map([...files].map((file, index) => [file, index]));
  const unique = new Map(
    problems.map((problem) => [JSON.stringify([problem.place, problem.message]), problem]),
  );
  const rank = ({ place }: Problem): number => (place ? (order.get(place.file) ?? files.size) : -1);
  return [...unique.values()].sort((a, b) => rank(a) - rank(b) || compare(a.place, b.place));
}

const compare = (a: Place | null, b: Place | null): number =>
  (a?.line ?? 0) - (b?.line ?? 0) || (a?.column ?? 0) - (b?.column ?? 0);
