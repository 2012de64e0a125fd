import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import {
  blobsPath,
  environmentPaths,
  layersPath,
  projectPath,
  projectsPath,
  storePath,
} from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import { sweep } from "./gc.ts";
import { temporaryPrefix } from "./stage.ts";
import { layerSizes, usageOf } from "./usage.ts";

/** One kind of thing that Pavlos keeps. Bytes on the disk. */
export interface Usage {
  readonly what: "layers" | "downloads" | "writable layers" | "volumes";
  readonly count: number;
  readonly bytes: number;
  /** What `pavlos gc` would give back now. */
  readonly reclaimable: number;
}

export async function diskUsage(tools: Tools): Promise<Result<readonly Usage[], Problem>> {
  const { paths } = tools;
  const layers = trees
    .list(layersPath(paths))
    .filter((name) => !name.startsWith(temporaryPrefix))
    .map((name) => join(layersPath(paths), name));
  const sizes = await layerSizes(tools, layers);
  if (!sizes.ok) return sizes;
  const swept = await sweep(tools, {
    mode: "dry-run",
    maxSize: null,
    grace: 3_600_000,
    now: Date.now(),
    drivers: [],
  });
  if (!swept.ok) return swept;
  const downloads = [join(storePath(paths), "downloads"), blobsPath(paths)].flatMap(filesIn);
  const uppers = trees
    .list(projectsPath(paths))
    .flatMap((id) =>
      trees.list(projectPath(paths, id)).map((name) => environmentPaths(paths, id, name).upper),
    )
    .filter(trees.isDirectory);
  const volumes = trees
    .list(join(paths.data, "volumes"))
    .flatMap((id) =>
      trees.list(join(paths.data, "volumes", id)).map((name) => join(paths.data, "volumes", id, name)),
    );
  const measured = await usageOf(tools, [...uppers, ...volumes]);
  if (!measured.ok) return measured;
  const sum = (all: readonly string[]) =>
    all.reduce((total, path) => total + (measured.value.get(path) ?? 0), 0);
  const freed = (kind: string) =>
    swept.value.swept.reduce((total, item) => total + (item.kind === kind ? item.bytes : 0), 0);
  const bytesOf = (path: string) => trees.stats(path)?.size ?? 0;
  return success([
    {
      what: "layers",
      count: layers.length,
      bytes: [...sizes.value.values()].reduce((total, size) => total + size, 0),
      reclaimable: freed("layer"),
    },
    {
      what: "downloads",
      count: downloads.length,
      bytes: downloads.reduce((total, path) => total + bytesOf(path), 0),
      reclaimable: freed("download"),
    },
    { what: "writable layers", count: uppers.length, bytes: sum(uppers), reclaimable: 0 },
    { what: "volumes", count: volumes.length, bytes: sum(volumes), reclaimable: 0 },
  ]);
}

const filesIn = (directory: string): readonly string[] =>
  trees.list(directory).map((name) => join(directory, name));
