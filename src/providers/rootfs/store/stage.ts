import { randomBytes } from "node:crypto";
import { basename, join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { isAlive } from "../../../native/state.ts";
import { treeMaps } from "../../../oci/identity.ts";
import { layersPath } from "../../../state/paths.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import { filesOf, type LayerFiles, type LayerId, layerName } from "./layers.ts";

/** A finished tree and what it is to be called. */
export interface Finished {
  readonly staged: LayerFiles;
  readonly id: LayerId;
}

/** A new place for a layer in the making, under a temporary name; `tree` is not made yet. */
export async function stageLayer(tools: Tools): Promise<Result<LayerFiles, Problem>> {
  const layers = layersPath(tools.paths);
  await removeStale(tools);
  const staged = filesOf(join(layers, temporaryName(tools)));
  return await attempt(`${layers} cannot be written to`, () => {
    trees.makeDirectory(layers, 0o711);
    trees.makeDirectory(staged.directory, 0o711);
    return staged;
  });
}

/**
 * Puts finished layers into the store: everything is on the disk before the first gets its name, and
 * the names are on the disk when this returns. One that is there already stays, and ours is dropped:
 * the same digest is the same content. Records that name them are written afterwards.
 */
export async function commitLayers(
  tools: Tools,
  finished: readonly Finished[],
): Promise<Result<void, Problem>> {
  if (finished.length === 0) return success(undefined);
  const names = finished.flatMap(({ staged, id }) => [basename(staged.directory), layerName(tools, id)]);
  const outcome = await tools.native.run(["publish", layersPath(tools.paths), ...names]);
  if (outcome.code !== 0)
    return failure(problemOf(errorOf(outcome), "the layers cannot be moved into the store"));
  await dropStaged(
    tools,
    finished.map(({ staged }) => staged),
  );
  return success(undefined);
}

/** Removes what was not committed; pavlosc does it, because the files may be of subordinate ids. */
export async function dropStaged(tools: Tools, staged: readonly LayerFiles[]): Promise<void> {
  const there = staged.map(({ directory }) => directory).filter((path) => trees.stats(path) !== null);
  if (there.length > 0) await tools.native.run(["remove", ...treeMaps(tools.host), ...there]);
}

export const temporaryPrefix = ".tmp-";

/** A name in layers/ for what is not finished or about to be removed: when this process is killed, the next removes it. */
export const temporaryName = (tools: Tools): string =>
  `${temporaryPrefix}${processName(tools)}-${randomBytes(4).toString("hex")}`;

/** pid and start time tell whether the one who works there is still alive. */
export function processName({ files }: Tools): string {
  const stat = files.readText("/proc/self/stat") ?? "";
  const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return `${process.pid}-${startTime}`;
}

/** Is the process still there that such a name begins with? */
export function isAtWork(tools: Tools, name: string): boolean {
  const owner = /^(\d+)-(\d+)(?:-|$)/.exec(name);
  return owner !== null && isAlive(tools.files, { pid: Number(owner[1]), startTime: Number(owner[2]) });
}

/** What a killed pavlos left behind. */
export function staleStages(tools: Tools): readonly string[] {
  const layers = layersPath(tools.paths);
  return trees
    .list(layers)
    .filter(
      (name) => name.startsWith(temporaryPrefix) && !isAtWork(tools, name.slice(temporaryPrefix.length)),
    )
    .map((name) => join(layers, name));
}

async function removeStale(tools: Tools): Promise<void> {
  const stale = staleStages(tools);
  if (stale.length > 0) await tools.native.run(["remove", ...treeMaps(tools.host), ...stale]);
}
