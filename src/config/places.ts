import type { Place, Places } from "../model/source.ts";
import type { Variable } from "./dotenv.ts";
import { placeOfSpan, type Tree } from "./tree.ts";

/**
 * Place of each value of a tree, by its path in the file format. Worked out when the first place is
 * asked for: nobody asks where nothing changed.
 */
export function placesOf(tree: Tree, fromFiles: ReadonlyMap<string, Variable>): Places {
  return new LazyPlaces(() => {
    const places = new Map<string, Place>();
    for (const [name, variable] of fromFiles) places.set(`env.${name}`, placeOfSpan(variable.span));
    collect(tree, "", places);
    return places;
  });
}

class LazyPlaces implements Places {
  readonly #make: () => Places;
  #made: Places | null = null;

  constructor(make: () => Places) {
    this.#make = make;
  }

  get #places(): Places {
    this.#made ??= this.#make();
    return this.#made;
  }

  get size(): number {
    return this.#places.size;
  }

  get(path: string): Place | undefined {
    return this.#places.get(path);
  }

  has(path: string): boolean {
    return this.#places.has(path);
  }

  forEach(visit: (place: Place, path: string, places: Places) => void): void {
    for (const [path, place] of this.#places) visit(place, path, this);
  }

  entries(): MapIterator<[string, Place]> {
    return this.#places.entries();
  }

  keys(): MapIterator<string> {
    return this.#places.keys();
  }

  values(): MapIterator<Place> {
    return this.#places.values();
  }

  [Symbol.iterator](): MapIterator<[string, Place]> {
    return this.#places[Symbol.iterator]();
  }
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
