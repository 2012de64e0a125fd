import { type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Context, Present } from "../providers/provider.ts";
import type { Machinery } from "./api.ts";
import { same } from "./compare.ts";
import type { Work } from "./execute.ts";

/** Every provider makes what environments share, for these. */
export async function gatherAll(
  { providers }: Machinery,
  context: Context,
  present: readonly Present[],
): Promise<Result<void, Problem>> {
  for (const provider of providers) {
    const done = await provider.gather?.(present, context);
    if (done !== undefined && !done.ok) return done;
  }
  return success(undefined);
}

/** Waits for what they have left under way. */
export async function settleAll(
  { providers }: Machinery,
  context: Context,
  until: "start" | "end",
): Promise<Result<void, Problem>> {
  for (const provider of providers) {
    const done = await provider.settle?.(context, until);
    if (done !== undefined && !done.ok) return done;
  }
  return success(undefined);
}

/** What there is while a plan is carried out: also what is about to be, and what is not gone yet. */
export function presentDuring({ plan, actual, wanted }: Work): readonly Present[] {
  const actions = new Map(plan.changes.map(({ environment, action }) => [environment, action]));
  const known = new Map(actual.instances.map((instance) => [instance.name, instance]));
  const names = [...new Set([...known.keys(), ...actions.keys()])].sort();
  return names.flatMap((name): readonly Present[] => {
    const instance = known.get(name);
    const action = actions.get(name);
    const starts = action === "create" || action === "restart" || action === "recreate";
    // What runs of it now goes before the new one comes.
    const pid = starts ? null : (instance?.process.pid ?? null);
    const environment = (action === undefined ? undefined : wanted.get(name)) ?? instance?.record.spec;
    if (environment === undefined) return [];
    return [{ environment, up: starts || instance?.record.stopped === false, pid }];
  });
}

/** What there is now, by the records. */
export const presentNow = ({ state }: Machinery): readonly Present[] =>
  state.readRecords().records.map(({ spec, stopped }) => ({ environment: spec, up: !stopped, pid: null }));

/** Do both need the same? Then what was made for one is there for the other. */
export const isAlike = (left: readonly Present[], right: readonly Present[]): boolean =>
  same(left.map(needsOf), right.map(needsOf));

const needsOf = ({ environment, up }: Present) => ({ environment, up });

/** The same promise for everybody. */
export function once<T>(work: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | null = null;
  return () => {
    made ??= work();
    return made;
  };
}
