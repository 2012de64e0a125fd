import { basename, join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { treeMaps } from "../../../oci/identity.ts";
import type { Tools } from "../../tools.ts";

/**
 * Bytes on the disk of each directory, hard links counted once; pavlosc looks, because what belongs to
 * subordinate ids may be closed to the caller. A missing one has none.
 */
export async function usageOf(
  tools: Tools,
  directories: readonly string[],
): Promise<Result<ReadonlyMap<string, number>, Problem>> {
  const there = directories.filter((path) => trees.stats(path) !== null);
  const sizes = new Map(directories.map((path) => [path, 0]));
  if (there.length === 0) return success(sizes);
  const outcome = await tools.native.run(["usage", ...treeMaps(tools.host), ...there]);
  if (outcome.code !== 0) return failure(problemOf(errorOf(outcome), "the store cannot be measured"));
  for (const line of outcome.stdout.trim().split("\n")) {
    const { path, bytes } = JSON.parse(line) as { readonly path: string; readonly bytes: number };
    sizes.set(path, bytes);
  }
  return success(sizes);
}

/** The same of layers, by name; remembered, because a layer never changes. */
export async function layerSizes(
  tools: Tools,
  directories: readonly string[],
): Promise<Result<ReadonlyMap<string, number>, Problem>> {
  const known = new Map<string, number>();
  for (const path of directories) {
    const text = tools.files.readText(join(path, "size"));
    if (text !== null && /^\d+\n$/.test(text)) known.set(basename(path), Number(text));
  }
  const unknown = directories.filter((path) => !known.has(basename(path)));
  const measured = await usageOf(tools, unknown);
  if (!measured.ok) return measured;
  for (const [path, bytes] of measured.value) {
    known.set(basename(path), bytes);
    // The directory's time says when the layer was used last: looking is no use.
    const used = trees.stats(path)?.mtime;
    trees.writePublic(join(path, "size"), `${bytes}\n`);
    trees.touch(path, used);
  }
  return success(known);
}
