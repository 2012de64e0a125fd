import { join } from "node:path";
import type { ConfigReader } from "../host/config-reader.ts";
import type { Environment } from "../model/environment.ts";
import type { HostFacts } from "../model/host.ts";
import type { Desired } from "../model/project.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Place, Places, Problem } from "../model/source.ts";
import { canonical } from "./canonical.ts";
import { discover, type Found } from "./discover.ts";
import { documentStore } from "./documents.ts";
import { type Draft, draftsOfYaml } from "./drafts.ts";
import { extendTree } from "./extends.ts";
import { headOf } from "./head.ts";
import { projectIdentity } from "./identity.ts";
import { impactTable } from "./impacts.ts";
import { interpolateTree, type Lookup } from "./interpolate.ts";
import { withoutEmpty } from "./merge.ts";
import { placesOf } from "./places.ts";
import { problemAt } from "./problem.ts";
import { projectVariables } from "./project-variables.ts";
import type { Scope } from "./scope.ts";
import { type MapNode, placeOfSpan } from "./tree.ts";
import { validate } from "./validate.ts";

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
  /** Called with each file that is looked at, also when loading fails: what `watch` follows then. */
  readonly onFile?: (file: string) => void;
}

/** Finds, reads, resolves and checks all environments of a project. All problems are returned at once. */
export async function loadProject(options: LoadOptions): Promise<Result<Desired, readonly Problem[]>> {
  const { reader, cwd, files = [], host } = options;
  const found = discover({ cwd, files, home: host.caller.home, reader });
  if (!found.ok) return found;
  const loading = begin(options, found.value);
  const resolved: Resolved[] = [];
  const inactive: string[] = [];
  for (const draft of await readDrafts(found.value, loading)) {
    const one = await resolveDraft(draft, loading);
    if (one?.kind === "active") resolved.push(one);
    if (one?.kind === "inactive") inactive.push(one.name);
  }
  if (loading.problems.length > 0) return failure(sorted(loading.problems, loading.files));
  return success(desired(loading, found.value, { resolved, inactive }));
}

interface Loading {
  readonly options: LoadOptions;
  readonly documents: ReturnType<typeof documentStore>;
  readonly lookup: Lookup;
  readonly problems: Problem[];
  readonly files: Set<string>;
  readonly follow: (file: string) => void;
  /** Where each name was first used. */
  readonly names: Map<string, Place>;
}

function begin(options: LoadOptions, found: Found): Loading {
  const files = new Set<string>();
  const follow = (file: string): void => {
    files.add(file);
    options.onFile?.(file);
  };
  const problems: Problem[] = [];
  const { reader, env } = options;
  const lookup = projectVariables({ file: join(found.root, ".env"), env, reader, follow, problems });
  return {
    options,
    documents: documentStore(reader, follow),
    lookup,
    problems,
    files,
    follow,
    names: new Map(),
  };
}

async function readDrafts(found: Found, loading: Loading): Promise<readonly Draft[]> {
  const drafts: Draft[] = [];
  for (const file of found.files) {
    const read = draftsOfYaml(file.path, await loading.documents.read(file.path));
    drafts.push(...read.drafts.map((draft) => ({ ...draft, selected: file.selected })));
    if (file.selected) loading.problems.push(...read.problems);
  }
  return drafts;
}

type Resolved =
  | {
      readonly kind: "active";
      readonly environment: Environment;
      readonly places: Places;
      readonly origin: Place;
    }
  | { readonly kind: "inactive"; readonly name: string };

async function resolveDraft(draft: Draft, loading: Loading): Promise<Resolved | null> {
  const { options, documents, lookup } = loading;
  const problems = draft.selected ? loading.problems : [];
  const extending = { documents, reader: options.reader, lookup, problems, home: options.host.caller.home };
  const merged = await extendTree(draft.tree, extending);
  const head = headOf(merged, draft, { lookup, problems });
  if (!head) return null;
  if (!claim(head.name, draft, loading)) return null;
  const isActive =
    head.profiles.length === 0 || head.profiles.some((profile) => options.profiles?.includes(profile));
  if (!draft.selected || !isActive) return { kind: "inactive", name: head.name };
  return resolveActive(head.name, merged, loading);
}

function resolveActive(name: string, merged: MapNode, loading: Loading): Resolved | null {
  const { options, problems } = loading;
  const tree = withoutEmpty(interpolateTree(merged, loading.lookup, problems) as MapNode);
  const valid = validate(tree);
  if (!valid.ok) {
    problems.push(...valid.failure);
    return null;
  }
  const { host, env, reader } = options;
  const scope: Scope = { tree, host, env, reader, problems, follow: loading.follow };
  const { environment, fromFiles } = canonical(scope, name, valid.value);
  const places = placesOf(tree, fromFiles);
  return { kind: "active", environment: frozen(environment), places, origin: placeOfSpan(tree.span) };
}

/** Two environments of one name: the second is a problem, wherever it is. */
function claim(name: string, draft: Draft, loading: Loading): boolean {
  const span = draft.tree.entries.get("name")?.value.span ?? draft.span;
  const earlier = loading.names.get(name);
  if (earlier === undefined) {
    loading.names.set(name, placeOfSpan(span));
    return true;
  }
  loading.problems.push(
    problemAt(span, {
      code: "name-clash",
      message: `two environments are called \`${name}\`; the other is at ${earlier.file}:${earlier.line}`,
      hint: "give one of them another name",
    }),
  );
  return false;
}

function desired(
  loading: Loading,
  found: Found,
  all: { resolved: readonly Resolved[]; inactive: readonly string[] },
): Desired {
  const active = all.resolved.filter((one) => one.kind === "active");
  const byName = active.toSorted((a, b) => (a.environment.name < b.environment.name ? -1 : 1));
  return {
    project: projectIdentity(found.root, null),
    environments: byName.map((one) => one.environment),
    inactive: all.inactive.toSorted(),
    places: new Map(byName.map((one) => [one.environment.name, one.places])),
    impacts: impactTable,
    files: [...loading.files],
    origin: new Map(byName.map((one) => [one.environment.name, one.origin])),
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

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
