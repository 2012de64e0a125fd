import type { ConfigReader } from "../host/config-reader.ts";
import type { Environment, NetworkDefinition } from "../model/environment.ts";
import type { HostFacts } from "../model/host.ts";
import type { Place, Places, Problem } from "../model/source.ts";
import { canonical } from "./canonical.ts";
import type { Documents } from "./documents.ts";
import type { Draft } from "./drafts.ts";
import { extendTree } from "./extends.ts";
import { headOf } from "./head.ts";
import { interpolateTree, type Lookup } from "./interpolate.ts";
import { withoutEmpty } from "./merge.ts";
import { placesOf } from "./places.ts";
import { problemAt } from "./problem.ts";
import type { Scope } from "./scope.ts";
import { type MapNode, placeOfSpan } from "./tree.ts";
import { validate } from "./validate.ts";

/** What one load shares: the machine, the files read so far, the problems found so far. */
export interface Loading {
  readonly host: HostFacts;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly reader: ConfigReader;
  /** Those that are active. */
  readonly profiles: readonly string[];
  readonly documents: Documents;
  readonly lookup: Lookup;
  /** Networks of the project by name. */
  readonly networks: ReadonlyMap<string, NetworkDefinition>;
  readonly problems: Problem[];
  readonly files: ReadonlySet<string>;
  readonly follow: (file: string) => void;
  /** Circles of extends that are reported already. */
  readonly cycles: Set<string>;
  /** Where each name was first used. */
  readonly names: Map<string, Place>;
}

export type Resolved =
  | {
      readonly kind: "active";
      readonly environment: Environment;
      readonly places: Places;
      readonly origin: Place;
    }
  /** Not resolved further. */
  | { readonly kind: "inactive"; readonly name: string; readonly leftOutBy: "profiles" | "-f" };

/** Extends, fills in, checks and resolves one environment; null: it is wrong, which is reported. */
export async function resolveDraft(draft: Draft, loading: Loading): Promise<Resolved | null> {
  const { documents, reader, lookup, host, cycles, follow } = loading;
  // What -f leaves out may be broken: it is not what was asked for.
  const problems = draft.selected ? loading.problems : [];
  const merged = await extendTree(draft.tree, {
    documents,
    reader,
    lookup,
    problems,
    cycles,
    follow,
    home: host.caller.home,
  });
  const head = headOf(merged, draft, { lookup, problems });
  if (!head || !claim(head.name, draft, { names: loading.names, problems })) return null;
  const isActive =
    head.profiles.length === 0 || head.profiles.some((profile) => loading.profiles.includes(profile));
  if (!draft.selected || !isActive)
    return { kind: "inactive", name: head.name, leftOutBy: draft.selected ? "profiles" : "-f" };
  return resolveActive(head.name, merged, loading);
}

/** Two environments of one name: the second is a problem, wherever it is. */
function claim(name: string, draft: Draft, to: { names: Map<string, Place>; problems: Problem[] }): boolean {
  const span = draft.tree.entries.get("name")?.value.span ?? draft.span;
  const earlier = to.names.get(name);
  if (earlier === undefined) {
    to.names.set(name, placeOfSpan(span));
    return true;
  }
  to.problems.push(
    problemAt(span, {
      code: "name-clash",
      message: `two environments are called \`${name}\`; the other is at ${earlier.file}:${earlier.line}`,
      hint: "give one of them another name",
    }),
  );
  return false;
}

function resolveActive(name: string, merged: MapNode, loading: Loading): Resolved | null {
  const { problems, host, env, reader, networks, follow } = loading;
  const filled = interpolateTree(merged, loading.lookup, problems);
  const tree = filled.kind === "map" ? withoutEmpty(filled) : merged;
  const valid = validate(tree);
  if (!valid.ok) {
    problems.push(...valid.failure);
    return null;
  }
  const scope: Scope = { tree, host, env, reader, networks, problems, follow };
  const { environment, fromFiles } = canonical(scope, name, valid.value);
  return {
    kind: "active",
    environment: frozen(environment),
    places: placesOf(tree, fromFiles),
    origin: placeOfSpan(tree.span),
  };
}

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const inner of Object.values(value)) frozen(inner);
  return Object.freeze(value);
}
