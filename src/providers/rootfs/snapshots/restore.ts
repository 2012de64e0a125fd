import { join } from "node:path";
import type { InstanceRecord } from "../../../model/instance.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { SnapshotRecord } from "../../../model/snapshot.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { duplicate, layersBelow } from "./save.ts";
import { pathsOf, removeTrees, type SnapshotPlace, sweep } from "./store.ts";

/** The first half, harmless while it runs: a copy of the snapshot beside the layer. While the project is locked. */
export async function stageSnapshot(
  place: SnapshotPlace,
  snapshot: SnapshotRecord,
  record: InstanceRecord,
): Promise<Result<void, Problem>> {
  const other = elsewhere(snapshot.layers, layersBelow(place));
  if (other !== null) return failure(overOtherLayers(place.name, snapshot, other));
  const swept = await sweep(place);
  if (!swept.ok) return swept;
  const { snapshots, staged } = pathsOf(place);
  const from = join(snapshots, snapshot.name, "upper");
  const copied = await duplicate(place, { record, running: false }, { from, to: staged });
  return copied.ok ? success(undefined) : copied;
}

/** The second half, while nothing runs: at each moment there is either the old layer or the new one. */
export async function putStaged(place: SnapshotPlace): Promise<Result<void, Problem>> {
  const { upper, staged, work } = pathsOf(place);
  const outcome = await place.tools.native.run(["exchange", staged, upper]);
  if (outcome.code !== 0)
    return failure(problemOf(errorOf(outcome), `the writable layer of ${place.name} cannot be replaced`));
  return removeTrees(place, [staged, work]);
}

/** A place inside under which something else lies now than then. */
function elsewhere(then: SnapshotRecord["layers"], now: SnapshotRecord["layers"]): string | null {
  const points = [...new Set([...Object.keys(then), ...Object.keys(now)])];
  return points.find((point) => then[point]?.join("\n") !== now[point]?.join("\n")) ?? null;
}

const overOtherLayers = (name: string, snapshot: SnapshotRecord, point: string): Problem => ({
  code: "snapshot-over-other-layers",
  message: `the snapshot \`${snapshot.name}\` was made over other files than \`${name}\` has now (at ${point})`,
  place: null,
  expected: snapshot.layers[point]?.join(", ") || "another root",
  hint: "set its rootfs back to what it was and apply, then restore: mixed with other files it would be neither",
});
