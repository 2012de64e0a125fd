import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { Environment, Rootfs } from "../../../model/environment.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { environmentPaths } from "../../../state/paths.ts";
import type { Context } from "../../provider.ts";
import type { Tools } from "../../tools.ts";
import { keyOf, knownDigest, rememberDigest } from "./digests.ts";
import { hasLayer, layerPath, type Source, unpackLayer } from "./layer.ts";

export type Archive = Extract<Rootfs, { kind: "archive" }>;

export interface Request {
  readonly environment: Environment;
  readonly rootfs: Archive;
  readonly context: Context;
}

/** Makes layers of archives; environments that want the same one at once wait for one work. */
export interface Archives {
  /** Digest of the layer that this environment's root is made from now; fetches and unpacks it first. */
  readonly ensure: (request: Request) => Promise<Result<string, Problem>>;
  /**
   * The lower directory: what the writable layer was begun on, also when the archive has changed
   * since (that is drift, and a recreate's business).
   */
  readonly lower: (
    request: Request,
  ) => Promise<Result<{ readonly path: string; readonly sha256: string }, Problem>>;
}

export function makeArchives(tools: Tools): Archives {
  const running = new Map<string, Promise<Result<string, Problem>>>();
  const ensure = (request: Request): Promise<Result<string, Problem>> => {
    const { archive, sha256 } = request.rootfs;
    const key = `${sha256 ?? ""} ${archive}`;
    const there = running.get(key);
    if (there !== undefined) return there;
    const work = make(tools, request).finally(() => running.delete(key));
    running.set(key, work);
    return work;
  };
  return {
    ensure,
    async lower(request) {
      const base = basePath(tools, request);
      const begun = tools.files.readText(base)?.trim() ?? null;
      if (begun !== null && hasLayer(tools, begun))
        return success({ path: layerPath(tools, begun), sha256: begun });
      const digest = await ensure(request);
      if (!digest.ok) return digest;
      trees.makeDirectory(join(base, ".."), 0o700);
      tools.files.replace(base, `${digest.value}\n`);
      return success({ path: layerPath(tools, digest.value), sha256: digest.value });
    },
  };
}

/** In work/, so that it goes with the writable layer. */
const basePath = (tools: Tools, { environment, context }: Request): string =>
  join(environmentPaths(tools.paths, context.project.id, environment.name).work, "base");

async function make(tools: Tools, request: Request): Promise<Result<string, Problem>> {
  const { archive, sha256 } = request.rootfs;
  const wanted = sha256 ?? knownDigest(tools, archive);
  if (wanted !== null && hasLayer(tools, wanted)) return success(wanted);
  if (!/^https?:/.test(archive)) return unpack(tools, request, { file: archive, sha256 });
  const { fetchArchive } = await import("./fetch.ts");
  const file = await fetchArchive(tools, request);
  if (!file.ok) return file;
  const digest = await unpack(tools, request, { file: file.value, sha256 });
  // Right or wrong, it has done its work: a layer takes its place, or the next try begins anew.
  await tools.files.remove(file.value);
  return digest;
}

async function unpack(tools: Tools, request: Request, source: Source): Promise<Result<string, Problem>> {
  const { archive } = request.rootfs;
  const key = keyOf(archive);
  if (key === null)
    return failure({
      code: "rootfs-missing",
      message: `the archive ${archive} does not exist`,
      place: request.context.place(request.environment.name, "rootfs.archive"),
      hint: "correct the path, or make it",
    });
  const digest = await unpackLayer(tools, source, request);
  if (digest.ok) rememberDigest(tools, archive, { key, sha256: digest.value });
  return digest;
}
