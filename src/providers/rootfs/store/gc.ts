import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { treeMaps } from "../../../oci/identity.ts";
import {
  blobsPath,
  imagesPath,
  layersPath,
  locksPath,
  projectsPath,
  storePath,
} from "../../../state/paths.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import { layerNames } from "./base.ts";
import { imagePath, imageStack, listImages } from "./images.ts";
import { namedFiles } from "./layers.ts";
import { readLeases } from "./leases.ts";
import { type Roots, readRoots } from "./roots.ts";
import { isAtWork, staleStages, temporaryName, temporaryPrefix } from "./stage.ts";
import { layerSizes } from "./usage.ts";

export interface SweepOptions {
  readonly mode: "remove" | "dry-run";
  /** Bytes that the layers may take; layers that only lock files want go too, least recently used first. */
  readonly maxSize: number | null;
  /** Younger ones stay: somebody may be about to use them. Milliseconds. */
  readonly grace: number;
  readonly now: number;
  /** Directories of GPU drivers that nobody uses, absolute. */
  readonly drivers: readonly string[];
}

/** What goes, or would go. */
export interface Swept {
  readonly kind: "layer" | "image" | "download" | "driver" | "leftover";
  readonly name: string;
  readonly bytes: number;
}

export interface Sweep {
  readonly swept: readonly Swept[];
  /** Bytes of the layers that stay. */
  readonly kept: number;
}

/** Mark and sweep: what no record, writable layer, lock file, named root or living process wants. */
export async function sweep(tools: Tools, options: SweepOptions): Promise<Result<Sweep, Problem>> {
  const roots = readRoots(tools);
  const directory = layersPath(tools.paths);
  const names = trees.list(directory).filter((name) => !name.startsWith(temporaryPrefix));
  const sizes = await layerSizes(
    tools,
    names.map((name) => join(directory, name)),
  );
  if (!sizes.ok) return sizes;
  const doomed = choose(tools, { names, sizes: sizes.value, roots, options });
  const images = listImages(tools).filter((image) => isDoomed(tools, image, { roots, doomed, options }));
  const files = oldFiles(tools, options);
  const stale = [...staleStages(tools), ...staleBuilds(tools)];
  const swept: Swept[] = [
    ...doomed.map((name) => ({ kind: "layer" as const, name, bytes: sizes.value.get(name) ?? 0 })),
    ...images.map(({ reference }) => ({ kind: "image" as const, name: reference, bytes: 0 })),
    ...files.map((path) => ({ kind: "download" as const, name: path, bytes: trees.stats(path)?.size ?? 0 })),
    ...options.drivers.map((name) => ({ kind: "driver" as const, name, bytes: 0 })),
    ...stale.map((name) => ({ kind: "leftover" as const, name, bytes: 0 })),
  ];
  const total = [...sizes.value.values()].reduce((sum, size) => sum + size, 0);
  const gone = doomed.reduce((sum, name) => sum + (sizes.value.get(name) ?? 0), 0);
  if (options.mode === "remove") {
    const removed = await remove(tools, { doomed, files: [...files, ...options.drivers, ...stale], images });
    if (!removed.ok) return removed;
  }
  return success({ swept, kept: total - gone });
}

interface Choice {
  readonly names: readonly string[];
  readonly sizes: ReadonlyMap<string, number>;
  readonly roots: Roots;
  readonly options: SweepOptions;
}

function choose(tools: Tools, { names, sizes, roots, options }: Choice): readonly string[] {
  const age = (name: string) => options.now - (trees.stats(namedFiles(tools, name).directory)?.mtimeMs ?? 0);
  const doomed = names.filter(
    (name) => !roots.used.has(name) && !roots.locked.has(name) && age(name) > options.grace,
  );
  if (options.maxSize === null) return doomed;
  const gone = new Set(doomed);
  let left = names.reduce((sum, name) => sum + (gone.has(name) ? 0 : (sizes.get(name) ?? 0)), 0);
  const spare = names.filter((name) => !gone.has(name) && !roots.used.has(name));
  for (const name of spare.sort((left, right) => age(right) - age(left))) {
    if (left <= options.maxSize) break;
    left -= sizes.get(name) ?? 0;
    gone.add(name);
  }
  return [...gone];
}

/** A record without its layers is worth nothing; one that nobody wants goes with its layers. */
function isDoomed(
  tools: Tools,
  image: ReturnType<typeof listImages>[number],
  { roots, doomed, options }: Pick<Choice, "roots" | "options"> & { readonly doomed: readonly string[] },
): boolean {
  const age = options.now - (trees.stats(imagePath(tools, image.digest))?.mtimeMs ?? options.now);
  const stack = imageStack(tools, image);
  if (stack !== null && layerNames(stack).some((name) => doomed.includes(name))) return true;
  return (stack === null || !roots.images.has(image.digest)) && age > options.grace;
}

/**
 * What providers wrote for a step whose pavlos was killed: it runs as an environment of a project of its
 * own, which no lock file or record belongs to. A real project says what it is in project.json.
 */
function staleBuilds(tools: Tools): readonly string[] {
  const projects = projectsPath(tools.paths);
  return trees
    .list(projects)
    .filter((id) => /^build-\d+-\d+-[0-9a-f]{8}$/.test(id) && !isAtWork(tools, id.slice("build-".length)))
    .map((id) => join(projects, id))
    .filter((path) => trees.stats(join(path, "project.json")) === null);
}

/** Broken-off downloads and blobs whose layers were unpacked or never will be. */
function oldFiles({ paths }: Tools, { now, grace }: SweepOptions): readonly string[] {
  const places = [join(storePath(paths), "downloads"), blobsPath(paths)];
  return places
    .flatMap((place) => trees.list(place).map((name) => join(place, name)))
    .filter((path) => now - (trees.stats(path)?.mtimeMs ?? now) > grace);
}

interface Doomed {
  readonly doomed: readonly string[];
  readonly images: readonly { readonly digest: string }[];
  readonly files: readonly string[];
}

/** Records first: a crash in between leaves layers without a record, never a record without its layers. */
async function remove(tools: Tools, { doomed, images, files }: Doomed): Promise<Result<void, Problem>> {
  return await attempt(`${imagesPath(tools.paths)} cannot be cleared`, async () => {
    for (const { digest } of images) await tools.files.remove(imagePath(tools, digest));
    const trash = doomed.flatMap((name) => moveAway(tools, name) ?? []);
    // Whoever took a lease before the layer was moved away has seen it: it goes back.
    const { names } = readLeases(tools);
    const gone = trash.filter(({ name, path }) => {
      if (!names.has(name)) return true;
      trees.rename(path, namedFiles(tools, name).directory);
      return false;
    });
    for (const { name } of gone) await tools.files.remove(join(locksPath(tools.paths), name));
    const paths = [...gone.map(({ path }) => path), ...files];
    if (paths.length > 0) await tools.native.run(["remove", ...treeMaps(tools.host), ...paths]);
  });
}

function moveAway(tools: Tools, name: string): { readonly name: string; readonly path: string } | null {
  const { directory } = namedFiles(tools, name);
  if (trees.stats(directory) === null) return null;
  const path = join(layersPath(tools.paths), temporaryName(tools));
  trees.rename(directory, path);
  return { name, path };
}
