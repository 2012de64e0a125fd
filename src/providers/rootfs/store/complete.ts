import { dirname } from "node:path";
import { trees } from "../../../host/trees.ts";
import { hashOf } from "../../../model/hash.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { treeMaps } from "../../../oci/identity.ts";
import type { Tools } from "../../tools.ts";
import { hasLayer, type LayerId, layerFiles, stackOf } from "./layers.ts";
import { leaseLayers } from "./leases.ts";
import { withLayerLock } from "./locks.ts";
import { commitLayers, dropStaged, stageLayer } from "./stage.ts";

/**
 * The layers of an image as they are to be mounted, bottom first. A layer may hold files in directories
 * that it does not name; what these look like is for the layers below to say, and an overlay would show
 * what was made up for them. Then one more layer, of directories only, comes on top: it is this image's
 * own, while the layers stay shared. All of them must be committed.
 */
export async function completeLayers(
  tools: Tools,
  layers: readonly LayerId[],
  signal: AbortSignal,
): Promise<Result<readonly LayerId[], Problem>> {
  if (layers.length < 2 || !layers.some((id) => trees.stats(layerFiles(tools, id).implied) !== null))
    return success(layers);
  const id = `merge-${hashOf(layers.join("\n"))}`;
  leaseLayers(tools, [id]);
  const made = await withLayerLock(tools, id, { signal, work: () => make(tools, layers, id) });
  return made.ok ? success([...layers, id]) : made;
}

async function make(tools: Tools, layers: readonly LayerId[], id: LayerId): Promise<Result<void, Problem>> {
  if (hasLayer(tools, id)) return success(undefined);
  const stack = stackOf(tools, { layers, key: id, config: null });
  if (stack === null) throw new Error(`layers are missing that were committed: ${layers.join(" ")}`);
  const staged = await stageLayer(tools);
  if (!staged.ok) return staged;
  const below = stack.layers.map((tree) => dirname(tree));
  const outcome = await tools.native.run(["complete", ...treeMaps(tools.host), staged.value.tree, ...below]);
  if (outcome.code === 0) {
    trees.writePublic(staged.value.bare, "");
    return await commitLayers(tools, [{ staged: staged.value, id }]);
  }
  await dropStaged(tools, [staged.value]);
  return failure(problemOf(errorOf(outcome), "the layers cannot be joined"));
}
