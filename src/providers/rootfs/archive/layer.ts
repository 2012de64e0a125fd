import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import { errnoOf } from "../../../host/errno.ts";
import { trees } from "../../../host/trees.ts";
import type { Environment } from "../../../model/environment.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { isAlive } from "../../../native/state.ts";
import { treeMaps } from "../../../oci/identity.ts";
import { layersPath } from "../../../state/paths.ts";
import { attempt } from "../../attempt.ts";
import type { Context } from "../../provider.ts";
import type { Tools } from "../../tools.ts";

/** An archive on this disk that is to become a layer. */
export interface Source {
  readonly file: string;
  /** Hex digest that its bytes must have; null: any. */
  readonly sha256: string | null;
}

/** Directory of the layer of an archive with this digest, whether it is there or not. */
export function layerPath(tools: Tools, sha256: string): string {
  const maps = treeMaps(tools.host);
  // The ids on disk depend on the mapping: other subordinate ids need another tree.
  const suffix =
    maps.length === 0 ? "" : `-${createHash("sha256").update(maps.join(" ")).digest("hex").slice(0, 8)}`;
  return join(layersPath(tools.paths), `${sha256}${suffix}`);
}

export const hasLayer = (tools: Tools, sha256: string): boolean =>
  trees.isDirectory(layerPath(tools, sha256));

/**
 * Unpacks an archive into the store and gives its digest. Under a temporary name first: a layer is
 * there as a whole and with the right digest, or not at all.
 */
export async function unpackLayer(
  tools: Tools,
  source: Source,
  { environment, context }: { readonly environment: Environment; readonly context: Context },
): Promise<Result<string, Problem>> {
  const place = context.place(environment.name, "rootfs.archive");
  const layers = layersPath(tools.paths);
  const made = await attempt(`${layers} cannot be made`, () => trees.makeDirectory(layers, 0o711));
  if (!made.ok) return made;
  await removeStale(tools);
  const temporary = join(layers, `.tmp-${temporaryName(tools)}`);
  const digest = await unpackInto(tools, source, temporary, report(environment, context, source));
  const kept = digest.ok ? await keep(tools, temporary, digest.value) : digest;
  if (!kept.ok) {
    await tools.native.run(["remove", ...treeMaps(tools.host), temporary]);
    return failure({ ...kept.failure, place });
  }
  return kept;
}

async function unpackInto(
  tools: Tools,
  { file, sha256 }: Source,
  directory: string,
  onErrorLine: (line: string) => void,
): Promise<Result<string, Problem>> {
  const squash = tools.host.caller.uid !== 0 && treeMaps(tools.host).length === 4 ? ["--squash"] : [];
  const outcome = await tools.native.run(
    ["unpack", ...treeMaps(tools.host), ...squash, "--progress", file, directory],
    { onErrorLine },
  );
  if (outcome.code !== 0) {
    const problem = problemOf(errorOf(outcome), `the archive ${file} cannot be unpacked`);
    return failure({ ...problem, code: "archive-unreadable" });
  }
  const digest = digestIn(outcome.stdout);
  if (digest === null) throw new Error(`pavlosc unpack gave no digest: ${outcome.stdout}`);
  if (sha256 === null || sha256 === digest) return success(digest);
  return failure(wrongDigest(file, sha256, digest));
}

export const wrongDigest = (what: string, wanted: string, found: string): Problem => ({
  code: "archive-digest",
  message: `${what} has the sha256 ${found}, not ${wanted}`,
  place: null,
  expected: "the archive that rootfs.sha256 was written for",
  hint: "fetch the archive again; if the new one is right, correct rootfs.sha256",
});

function digestIn(stdout: string): string | null {
  const value: unknown = JSON.parse(stdout.trim().split("\n").at(-1) || "null");
  if (typeof value !== "object" || value === null || !("sha256" in value)) return null;
  return typeof value.sha256 === "string" ? value.sha256 : null;
}

/** Another pavlos may have been faster: then its layer is as good as ours. */
async function keep(tools: Tools, temporary: string, digest: string): Promise<Result<string, Problem>> {
  try {
    trees.rename(temporary, layerPath(tools, digest));
    return success(digest);
  } catch (error) {
    const code = errnoOf(error);
    if (code !== "ENOTEMPTY" && code !== "EEXIST")
      return attempt("the layer cannot be moved into the store", () => Promise.reject(error));
    await tools.native.run(["remove", ...treeMaps(tools.host), temporary]);
    return success(digest);
  }
}

/** pid and start time tell whether the one who unpacks there is still at work. */
function temporaryName({ files }: Tools): string {
  const stat = files.readText("/proc/self/stat") ?? "";
  const startTime = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
  return `${process.pid}-${startTime}-${randomBytes(4).toString("hex")}`;
}

/** What a killed pavlos left behind. */
async function removeStale(tools: Tools): Promise<void> {
  const layers = layersPath(tools.paths);
  const stale = trees.list(layers).filter((name) => {
    const owner = /^\.tmp-(\d+)-(\d+)-/.exec(name);
    if (owner === null) return false;
    return !isAlive(tools.files, { pid: Number(owner[1]), startTime: Number(owner[2]) });
  });
  if (stale.length === 0) return;
  await tools.native.run(["remove", ...treeMaps(tools.host), ...stale.map((name) => join(layers, name))]);
}

function report(environment: Environment, context: Context, { file }: Source): (line: string) => void {
  const total = trees.stats(file)?.size ?? null;
  return (line) => {
    const read = /^\{"read": ?(\d+)\}/.exec(line)?.[1];
    if (read === undefined) return;
    context.report({
      kind: "progress",
      environment: environment.name,
      what: "unpack",
      done: Number(read),
      total,
    });
  };
}
