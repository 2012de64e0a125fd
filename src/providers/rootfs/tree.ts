import { dirname } from "node:path";
import { trees } from "../../host/trees.ts";
import type { Identity } from "../../oci/identity.ts";
import type { Contribution } from "../provider.ts";
import { type Layer, type LayerPlaces, makeLayer, overlayMount } from "./layers.ts";
import { layerNames } from "./store/base.ts";
import { filesOf } from "./store/layers.ts";
import type { Stack } from "./store/stack.ts";

/** A root from one directory: an overlay over it, or the directory itself. */
export function treeContribution(
  lower: string,
  places: LayerPlaces,
  { identity, direct }: { readonly identity: Identity; readonly direct: boolean },
): Contribution {
  if (direct) return { rootPath: lower };
  const real = trees.realPath(lower) ?? lower;
  return overlay({ point: "/", lowers: [real], model: real }, places, identity);
}

/** A root from trees of the store: one overlay over all of them. Its record keeps them from gc. */
export function stackContribution(stack: Stack, places: LayerPlaces, identity: Identity): Contribution {
  const layer = { point: "/", lowers: stack.layers, model: rootModel(stack.layers) };
  return {
    ...overlay(layer, places, identity),
    keep: { key: stack.key, layers: layerNames(stack) },
  };
}

/** The topmost tree that says what / looks like. */
const rootModel = (layers: readonly string[]): string =>
  layers.find((tree) => trees.stats(filesOf(dirname(tree)).bare) === null) ?? layers[0] ?? "/";

function overlay(layer: Layer, places: LayerPlaces, identity: Identity): Contribution {
  makeLayer(places, layer);
  return { mounts: [overlayMount(places, layer, identity.mapping !== "none")] };
}
