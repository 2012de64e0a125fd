import type { Place, Places } from "../model/source.ts";
import type { Variable } from "./dotenv.ts";
import { placeOfSpan, type Tree } from "./tree.ts";

/** Place of each value of a tree, by its path in the file format. */
export function placesOf(tree: Tree, fromFiles: ReadonlyMap<string, Variable>): Places {
  const places = new Map<string, Place>();
  for (const [name, variable] of fromFiles) places.set(`env.${name}`, placeOfSpan(variable.span));
  collect(tree, "", places);
  return places;
}

/** Where the value at a path was written, else its nearest ancestor. */
export function placeOf(places: Places, path: string): Place | null {
  for (let at = path; ; at = at.slice(0, Math.max(at.lastIndexOf("."), at.lastIndexOf("["), 0))) {
    const place = places.get(at);
    if (place || at === "") return place ?? null;
  }
}

function collect(tree: Tree, path: string, places: Map<string, Place>): void {
  places.set(path, placeOfSpan(tree.span));
  if (tree.kind === "list")
    for (const [index, item] of tree.items.entries()) collect(item, `${path}[${index}]`, places);
  if (tree.kind !== "map") return;
  for (const [key, entry] of tree.entries) {
    const inner = path === "" ? key : `${path}.${key}`;
    collect(entry.value, inner, places);
    if (entry.value.kind === "map") places.set(inner, placeOfSpan(entry.key));
  }
}
