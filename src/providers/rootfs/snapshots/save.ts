import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { InstanceRecord } from "../../../model/instance.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { SnapshotRecord } from "../../../model/snapshot.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { treeMaps } from "../../../oci/identity.ts";
import { attempt } from "../../attempt.ts";
import { writableParts } from "../overlays.ts";
import { pathsOf, type SnapshotPlace, sweep, unfinishedName } from "./store.ts";

export interface SaveRequest {
  readonly record: InstanceRecord;
  /** The snapshot's. */
  readonly name: string;
  /** It runs: it stands still while it is copied. */
  readonly running: boolean;
  readonly now: Date;
}

/** Copies the writable layer; under its name only once all of it is on the disk. While the project is locked. */
export async function saveSnapshot(
  place: SnapshotPlace,
  request: SaveRequest,
): Promise<Result<SnapshotRecord, Problem>> {
  const swept = await sweep(place);
  if (!swept.ok) return swept;
  const { snapshots, upper } = pathsOf(place);
  const { files } = place.tools;
  const unfinished = join(snapshots, unfinishedName(request.name));
  const made = await attempt(`${snapshots} cannot be made`, () => files.makeDirectory(unfinished, 0o711));
  if (!made.ok) return made;
  const copied = await duplicate(place, request, { from: upper, to: join(unfinished, "upper") });
  if (!copied.ok) {
    // What failed is told; what is left of it, if this fails too, the next command sweeps away.
    await sweep(place);
    return copied;
  }
  const snapshot = recordOf(place, request, copied.value);
  return attempt(`the snapshot of ${place.name} cannot be written`, async () => {
    await files.replaceDurably(join(unfinished, "snapshot.json"), `${JSON.stringify(snapshot)}\n`);
    trees.rename(unfinished, join(snapshots, request.name));
    return snapshot;
  });
}

interface Copied {
  readonly paused: boolean;
  readonly bytes: number;
  readonly shared: number;
}

/** A tree with everything that belongs to it, in the user namespace that its owners are of. */
export async function duplicate(
  { tools, name }: SnapshotPlace,
  { record, running }: Pick<SaveRequest, "record" | "running">,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<Result<Copied, Problem>> {
  const pause = running ? ["--pause", record.containerId] : [];
  const outcome = await tools.native.run(["duplicate", ...treeMaps(tools.host), ...pause, from, to]);
  if (outcome.code === 0) return success(JSON.parse(outcome.stdout));
  return failure(problemOf(errorOf(outcome), `the writable layer of ${name} cannot be copied`));
}

/** By the place inside: what the kernel was told to put the writable layer over. */
export function layersBelow(place: SnapshotPlace): SnapshotRecord["layers"] {
  const { bundle, upper } = pathsOf(place);
  const parts = writableParts(place.tools.files, bundle, upper);
  return Object.fromEntries(parts.map(({ point, lowers }) => [point, lowers]));
}

const recordOf = (place: SnapshotPlace, request: SaveRequest, copied: Copied): SnapshotRecord => ({
  version: 1,
  name: request.name,
  createdAt: request.now.toISOString(),
  state: request.running ? (copied.paused ? "running" : "moving") : "stopped",
  layers: layersBelow(place),
  since: request.record.createdAt,
  hooked: request.record.hooked,
  bytes: copied.bytes,
  shared: copied.shared,
});
