import { trees } from "../../host/trees.ts";
import type { InstanceRecord } from "../../model/instance.ts";
import type { AsideStep } from "../../model/plan.ts";
import { failure, type Result, success, unreachable } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { errorOf, problemOf } from "../../native/native.ts";
import { treeMaps } from "../../oci/identity.ts";
import { type EnvironmentPaths, environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Context } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { keepAsSnapshot, noteSnapshot } from "./snapshots/recreated.ts";

/**
 * Keeps the writable layer of an environment while a new one is tried. Only the upper directory is
 * moved, which is one rename: there is no moment at which half of it would be aside. The kernel's work
 * directory holds nothing and is made anew.
 */
export async function setAside(
  tools: Tools,
  { record, step }: { readonly record: InstanceRecord; readonly step: AsideStep },
  context: Context,
): Promise<Result<void, Problem>> {
  const { name } = record;
  const place = { tools, projectId: context.project.id, name };
  const own = environmentPaths(tools.paths, context.project.id, name);
  const isAside = trees.stats(own.aside) !== null;
  switch (step) {
    case "keep": {
      if (isAside) return success(undefined);
      const noted = await noteSnapshot(place, record);
      return noted.ok ? await move(name, own.upper, own.aside) : noted;
    }
    case "back": {
      // It was to go aside, and has not.
      if (!isAside) return await remove(tools, name, [own.asideRecord]);
      const dropped = await remove(tools, name, [own.upper, own.work, own.asideRecord]);
      return dropped.ok ? await move(name, own.aside, own.upper) : dropped;
    }
    case "drop": {
      const kept = await keepAsSnapshot(place);
      return kept.ok ? await remove(tools, name, [own.aside, own.asideRecord]) : kept;
    }
    default:
      return unreachable(step);
  }
}

const move = (name: string, from: EnvironmentPaths["upper"], to: string): Promise<Result<void, Problem>> =>
  attempt(`the writable layer of ${name} cannot be kept`, () => {
    if (trees.stats(from) !== null) trees.rename(from, to);
  });

/** pavlosc does it, because there may be files of subordinate ids. */
export async function remove(
  tools: Tools,
  name: string,
  paths: readonly string[],
): Promise<Result<void, Problem>> {
  const there = paths.filter((path) => trees.stats(path) !== null);
  if (there.length === 0) return success(undefined);
  const outcome = await tools.native.run(["remove", ...treeMaps(tools.host), ...there]);
  if (outcome.code === 0) return success(undefined);
  return failure(problemOf(errorOf(outcome), `the writable layer of ${name} cannot be removed`));
}
