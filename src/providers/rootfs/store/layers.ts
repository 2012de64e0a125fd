import { trees } from "../../../host/trees.ts";
import { hashOf } from "../../../model/hash.ts";
import type { HostFacts } from "../../../model/host.ts";
import { treeMaps } from "../../../oci/identity.ts";
import { layersPath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import type { ImageConfig, Stack } from "./stack.ts";

/**
 * What a layer is known by: the hex diff id of an image's layer, or `<kind>-<hex>` for what Pavlos makes
 * itself (`archive-`, `bootstrap-`, `step-`). One layer has one content, for good.
 */
export type LayerId = string;

/** `layers/<id>`: the tree and what is known about it. */
export interface LayerFiles {
  readonly directory: string;
  /** The tree itself: lower directory of an overlay. */
  readonly tree: string;
  /** What was unpacked, entry by entry, to verify it later; may be missing. */
  readonly list: string;
  /** Is there when the layer hides all that lies below it (an opaque marker at its root). */
  readonly opaque: string;
  /** Is there when the layer has directories made up that it does not name: see complete.ts. */
  readonly implied: string;
  /** Is there when the layer does not say what its root directory looks like. */
  readonly bare: string;
}

/** Images have a hundred of them: nothing is looked for in these paths that was put together here. */
export const filesOf = (directory: string): LayerFiles => ({
  directory,
  tree: `${directory}/tree`,
  list: `${directory}/list`,
  opaque: `${directory}/opaque`,
  implied: `${directory}/implied`,
  bare: `${directory}/bare`,
});

/**
 * Name of a layer's directory. The ids on disk depend on the mapping: other subordinate ids need another
 * tree, and so the mapping is part of the name.
 */
export const layerName = ({ host }: Tools, id: LayerId): string => `${id}${suffixOf(host)}`;

const suffixes = new WeakMap<HostFacts, string>();

function suffixOf(host: HostFacts): string {
  const known = suffixes.get(host);
  if (known !== undefined) return known;
  const maps = treeMaps(host);
  const suffix = maps.length === 0 ? "" : `.${hashOf(maps.join(" ")).slice(0, 8)}`;
  suffixes.set(host, suffix);
  return suffix;
}

/** Where the layer's files are, whether it is there or not. */
export const layerFiles = (tools: Tools, id: LayerId): LayerFiles => namedFiles(tools, layerName(tools, id));

/** The same by the name of its directory. */
export const namedFiles = (tools: Tools, name: string): LayerFiles =>
  filesOf(`${layersPath(tools.paths)}/${name}`);

/** Its tree, whether it is there or not. */
export const layerPath = (tools: Tools, id: LayerId): string => layerFiles(tools, id).tree;

/** A layer is there as a whole or not at all. */
export const hasLayer = (tools: Tools, id: LayerId): boolean => trees.isDirectory(layerPath(tools, id));

interface Content {
  /** Bottom first, as image manifests have them. */
  readonly layers: readonly LayerId[];
  readonly key: string;
  readonly config: ImageConfig | null;
}

/** The stack of these layers; null: not all are there. */
export function stackOf(tools: Tools, { layers, key, config }: Content): Stack | null {
  const shown: string[] = [];
  for (const id of layers.toReversed()) {
    const files = layerFiles(tools, id);
    if (!trees.isDirectory(files.tree)) return null;
    // Some images have a layer twice. The upper one does all that the lower does, and an overlay with
    // the same directory twice is refused.
    if (!shown.includes(files.tree)) shown.push(files.tree);
    if (trees.stats(files.opaque) !== null) break;
  }
  return shown.length === 0 ? null : { layers: shown, key, config };
}
