import { trees } from "../../host/trees.ts";
import type { Identity } from "../../oci/identity.ts";
import type { Contribution } from "../provider.ts";
import { type LayerPlaces, makeLayer, overlayMount } from "./layers.ts";
import { layerNames } from "./store/base.ts";
import type { Stack } from "./store/stack.ts";

/** A root from one directory: an overlay over it, or the directory itself. */
export function treeContribution(
  lower: string,
  places: LayerPlaces,
  { identity, direct }: { readonly identity: Identity; readonly direct: boolean },
): Contribution {
  if (direct) return { rootPath: lower };
  return overlay([trees.realPath(lower) ?? lower], places, identity);
}

/** A root from trees of the store: one overlay over all of them. Its record keeps them from gc. */
export function stackContribution(stack: Stack, places: LayerPlaces, identity: Identity): Contribution {
  return {
    ...overlay(stack.layers, places, identity),
    keep: { key: stack.key, layers: layerNames(stack) },
  };
}

function overlay(lowers: readonly string[], places: LayerPlaces, identity: Identity): Contribution {
  const layer = { point: "/", lowers };
  makeLayer(places, layer);
  return { mounts: [overlayMount(places, layer, identity.mapping !== "none")] };
}
