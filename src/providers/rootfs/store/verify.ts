import { basename, join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, type NativeError, problemOf } from "../../../native/native.ts";
import { isAlive, readContainerState } from "../../../native/state.ts";
import { treeMaps } from "../../../oci/identity.ts";
import { containerIdOf, containersPath, layersPath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import { type ImageRecord, imagePath, listImages } from "./images.ts";
import { hasLayer, layerName, namedFiles } from "./layers.ts";
import { readUsers } from "./roots.ts";
import { temporaryName, temporaryPrefix } from "./stage.ts";

/** A layer that is not what was unpacked, or an image that lacks one. */
export interface Damage {
  readonly kind: "layer" | "image";
  readonly name: string;
  readonly problems: readonly { readonly path: string; readonly problem: string }[];
  /** How many there are, also where not all are named. */
  readonly count: number;
  /** Environments that stand on it. */
  readonly usedBy: readonly string[];
}

export interface Verified {
  readonly layers: number;
  readonly entries: number;
  readonly bytes: number;
  /** Names of layers without a list: nothing can be said of them. */
  readonly unlisted: readonly string[];
  readonly damages: readonly Damage[];
}

/** Reads every layer of the store and compares it with the list that was written when it was unpacked. */
export async function verifyStore(tools: Tools): Promise<Result<Verified, Problem>> {
  const directory = layersPath(tools.paths);
  const names = trees.list(directory).filter((name) => !name.startsWith(temporaryPrefix));
  const lines = await verifyLayers(
    tools,
    names.map((name) => join(directory, name)),
  );
  if (!lines.ok) return lines;
  const users = readUsers(tools);
  const usedBy = (name: string) =>
    users.filter(({ layers }) => layers.includes(name)).map(({ environment }) => environment);
  const layers = lines.value
    .filter(({ count, error }) => count > 0 || error !== undefined)
    .map(({ path, problems, count, error }): Damage => {
      const name = basename(path);
      const all = error === undefined ? problems : [{ path: error.subject || "list", problem: error.reason }];
      return { kind: "layer", name, problems: all, count: Math.max(count, all.length), usedBy: usedBy(name) };
    });
  return success({
    layers: names.length,
    entries: lines.value.reduce((sum, { entries }) => sum + entries, 0),
    bytes: lines.value.reduce((sum, { bytes }) => sum + bytes, 0),
    unlisted: lines.value.filter(({ listed }) => !listed).map(({ path }) => basename(path)),
    damages: [...layers, ...listImages(tools).flatMap((image) => incomplete(tools, image))],
  });
}

interface Line {
  readonly path: string;
  readonly listed: boolean;
  readonly entries: number;
  readonly bytes: number;
  readonly problems: Damage["problems"];
  readonly count: number;
  readonly error?: NativeError;
}

async function verifyLayers(
  tools: Tools,
  directories: readonly string[],
): Promise<Result<readonly Line[], Problem>> {
  if (directories.length === 0) return success([]);
  const outcome = await tools.native.run(["verify", ...treeMaps(tools.host), ...directories]);
  if (outcome.code !== 0) return failure(problemOf(errorOf(outcome), "the store cannot be verified"));
  const lines = outcome.stdout.trim().split("\n");
  return success(lines.map((line) => JSON.parse(line) as Line));
}

function incomplete(tools: Tools, { digest, reference, layers }: ImageRecord): readonly Damage[] {
  const missing = layers.filter((id) => !hasLayer(tools, id));
  if (missing.length === 0) return [];
  const problems = missing.map((id) => ({ path: layerName(tools, id), problem: "it is missing" }));
  return [{ kind: "image", name: `${reference} ${digest}`, problems, count: missing.length, usedBy: [] }];
}

/**
 * Takes damaged layers out of the store, and the records of images that lack layers: what needs them
 * fetches them anew. A layer that a running container stands on stays; its users are given back.
 */
export async function takeOut(tools: Tools, damages: readonly Damage[]): Promise<readonly Damage[]> {
  const running = new Set(
    readUsers(tools)
      .filter(({ project, environment }) => isRunning(tools, containerIdOf(project, environment)))
      .flatMap(({ layers }) => layers),
  );
  const bad = damages.filter(({ kind }) => kind === "layer");
  const kept = bad.filter(({ name }) => running.has(name));
  for (const { name } of bad.filter((damage) => !kept.includes(damage))) {
    const path = join(layersPath(tools.paths), temporaryName(tools));
    trees.rename(namedFiles(tools, name).directory, path);
    await tools.native.run(["remove", ...treeMaps(tools.host), path]);
  }
  for (const image of listImages(tools)) {
    if (incomplete(tools, image).length > 0) await tools.files.remove(imagePath(tools, image.digest));
  }
  return kept;
}

function isRunning(tools: Tools, id: string): boolean {
  const state = readContainerState(tools.files, containersPath(tools.paths), id);
  return state !== null && isAlive(tools.files, state);
}
