import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { InstanceRecord } from "../../../model/instance.ts";
import { type Result, success } from "../../../model/result.ts";
import { beforeRecreate, type SnapshotRecord } from "../../../model/snapshot.ts";
import type { Problem } from "../../../model/source.ts";
import { attempt } from "../../attempt.ts";
import { writtenIn } from "../written.ts";
import { layersBelow } from "./save.ts";
import { pathsOf, removeTrees, type SnapshotPlace } from "./store.ts";

/** What the layer will be as a snapshot, while its bundle still says what it lies over. Nothing runs. */
export async function noteSnapshot(
  place: SnapshotPlace,
  { spec, createdAt, hooked }: InstanceRecord,
): Promise<Result<void, Problem>> {
  const { upper, asideRecord } = pathsOf(place);
  const bytes = spec.persist && !spec.readonly ? writtenIn(upper) : 0;
  if (bytes === 0) return removeTrees(place, [asideRecord]);
  const snapshot: SnapshotRecord = {
    version: 1,
    name: beforeRecreate,
    createdAt: new Date().toISOString(),
    state: "stopped",
    layers: layersBelow(place),
    since: createdAt,
    hooked,
    bytes,
    shared: 0,
  };
  return attempt(`the snapshot of ${place.name} cannot be written`, () =>
    place.tools.files.replaceDurably(asideRecord, `${JSON.stringify(snapshot)}\n`),
  );
}

/**
 * The layer that lies aside becomes the snapshot, in the place of the recreate's before. Renames only, the
 * description last: a run after any of them goes on where the last one ended.
 */
export async function keepAsSnapshot(place: SnapshotPlace): Promise<Result<void, Problem>> {
  const { aside, asideRecord, snapshots } = pathsOf(place);
  if (trees.stats(asideRecord) === null) return success(undefined);
  const kept = join(snapshots, beforeRecreate);
  const [upper, description] = [join(kept, "upper"), join(kept, "snapshot.json")];
  const isAside = trees.stats(aside) !== null;
  // Without a layer there is only one to finish that a run before has moved already.
  if (!isAside && (trees.stats(upper) === null || trees.stats(description) !== null))
    return removeTrees(place, [asideRecord]);
  if (isAside) {
    const removed = await removeTrees(place, [kept]);
    if (!removed.ok) return removed;
  }
  return attempt(`the snapshot of ${place.name} cannot be kept`, () => {
    place.tools.files.makeDirectory(kept, 0o711);
    if (isAside) trees.rename(aside, upper);
    trees.rename(asideRecord, description);
  });
}
