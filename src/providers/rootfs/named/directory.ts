import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { Context } from "../../provider.ts";
import type { Tools } from "../../tools.ts";
import { archiveLayer } from "../archive/layer.ts";
import { packTrees } from "../export/pack.ts";
import { stackOf } from "../store/layers.ts";
import { leaseLayers } from "../store/leases.ts";
import type { Stack } from "../store/stack.ts";
import { commitLayers, dropStaged, stageLayer } from "../store/stage.ts";
import { unpackInto } from "../store/unpack.ts";

/** Copies a directory of the host into the store, as a layer that is known by the digest of its archive. */
export async function storeDirectory(
  tools: Tools,
  path: string,
  context: Context,
): Promise<Result<Stack, Problem>> {
  const staged = await stageLayer(tools);
  if (!staged.ok) return staged;
  const { signal } = context;
  const packing = packTrees(tools, { style: "tree", trees: [path], epoch: null, signal });
  const [unpacked, packed] = await Promise.all([
    unpackInto(tools, staged.value, {
      kind: "archive",
      from: packing.stream,
      what: `the files of ${path}`,
      signal,
    }),
    packing.done,
  ]);
  const id = unpacked.ok ? archiveLayer(unpacked.value.sha256) : "";
  if (packed.ok && unpacked.ok) leaseLayers(tools, [id]);
  const kept = !packed.ok
    ? packed
    : unpacked.ok
      ? await commitLayers(tools, [{ staged: staged.value, id }])
      : unpacked;
  if (!kept.ok || !unpacked.ok) {
    await dropStaged(tools, [staged.value]);
    return kept.ok ? failure({ code: "internal", message: `${path} cannot be stored`, place: null }) : kept;
  }
  const stack = stackOf(tools, { layers: [id], key: unpacked.value.sha256, config: null });
  if (stack === null) throw new Error(`the layer of ${path} is not there after it was made`);
  return success(stack);
}
