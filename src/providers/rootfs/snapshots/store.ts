import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { SnapshotRecord } from "../../../model/snapshot.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { treeMaps } from "../../../oci/identity.ts";
import { environmentPaths } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";

/** The snapshots of one environment: `<name>/snapshots/<snapshot>/{snapshot.json,upper}`. */
export interface SnapshotPlace {
  readonly tools: Tools;
  readonly projectId: string;
  /** The environment's. */
  readonly name: string;
}

export const pathsOf = ({ tools, projectId, name }: SnapshotPlace) => {
  const own = environmentPaths(tools.paths, projectId, name);
  return { ...own, snapshots: join(own.directory, "snapshots"), staged: join(own.directory, "upper.staged") };
};

/** Oldest first. One that is not whole is not seen: it got its name last. */
export function listSnapshots(place: SnapshotPlace): readonly SnapshotRecord[] {
  const { snapshots } = pathsOf(place);
  const names = (place.tools.files.list(snapshots) ?? []).filter((name) => !isUnfinished(name));
  const found = names.flatMap((name) => readSnapshot(place, name) ?? []);
  return found.sort((left, right) => (left.createdAt < right.createdAt ? -1 : 1));
}

/** Null: there is none of that name, or another version made it. */
export function readSnapshot(place: SnapshotPlace, name: string): SnapshotRecord | null {
  const text = place.tools.files.readText(join(pathsOf(place).snapshots, name, "snapshot.json"));
  if (text === null) return null;
  try {
    const record = JSON.parse(text) as SnapshotRecord;
    return record.version === 1 && record.name === name ? record : null;
  } catch {
    // Written atomically, so this is not ours.
    return null;
  }
}

/** Removes trees, also those of subordinate ids. What is not there is fine. */
export async function removeTrees(
  { tools, name }: SnapshotPlace,
  paths: readonly string[],
): Promise<Result<void, Problem>> {
  const there = paths.filter((path) => trees.stats(path) !== null);
  if (there.length === 0) return success(undefined);
  const outcome = await tools.native.run(["remove", ...treeMaps(tools.host), ...there]);
  if (outcome.code === 0) return success(undefined);
  return failure(problemOf(errorOf(outcome), `a snapshot of ${name} cannot be removed`));
}

/** Clears away what an interrupted command left. Only while the project is locked. */
export function sweep(place: SnapshotPlace): Promise<Result<void, Problem>> {
  const { snapshots, staged } = pathsOf(place);
  const unfinished = (place.tools.files.list(snapshots) ?? []).filter(isUnfinished);
  return removeTrees(place, [staged, ...unfinished.map((name) => join(snapshots, name))]);
}

/** What a snapshot is called until it is whole; no snapshot's name begins with a dot. */
export const unfinishedName = (name: string): string => `.${name}`;

const isUnfinished = (name: string): boolean => name.startsWith(".");
