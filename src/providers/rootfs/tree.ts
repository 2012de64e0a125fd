import { trees } from "../../host/trees.ts";
import type { Identity } from "../../oci/identity.ts";
import type { Contribution } from "../provider.ts";
import { type LayerPlaces, makeLayer, overlayMount } from "./layers.ts";

/** A root from one directory: an overlay over it, or the directory itself. */
export function treeContribution(
  lower: string,
  places: LayerPlaces,
  { identity, direct }: { readonly identity: Identity; readonly direct: boolean },
): Contribution {
  if (direct) return { rootPath: lower };
  const layer = { point: "/", lower: trees.realPath(lower) ?? lower };
  makeLayer(places, layer);
  return { mounts: [overlayMount(places, layer, identity.mapping !== "none")] };
}
