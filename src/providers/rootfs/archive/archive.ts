import type { Rootfs } from "../../../model/environment.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { Tools } from "../../tools.ts";
import type { StackRequest, StackSource } from "../source.ts";
import { stackOf } from "../store/layers.ts";
import { leaseLayers } from "../store/leases.ts";
import type { Stack } from "../store/stack.ts";
import { keyOf, knownDigest, rememberDigest } from "./digests.ts";
import { archiveLayer, type Source, unpackArchive } from "./layer.ts";

export type Archive = Extract<Rootfs, { kind: "archive" }>;
export type Request = StackRequest<Archive>;

/** Stacks of one layer from archives; environments that want the same one at once wait for one work. */
export function makeArchives(tools: Tools): StackSource<Archive> {
  const running = new Map<string, Promise<Result<Stack, Problem>>>();
  return {
    resolve: (request) => resolve(tools, request),
    ensure(request) {
      const { archive, sha256 } = request.rootfs;
      const key = `${sha256 ?? ""} ${archive}`;
      const there = running.get(key);
      if (there !== undefined) return there;
      const work = make(tools, request).finally(() => running.delete(key));
      running.set(key, work);
      return work;
    },
  };
}

function resolve(tools: Tools, request: Request): Stack | null {
  const digest = pinned(tools, request) ?? knownDigest(tools, request.rootfs.archive);
  return digest === null ? null : stackFrom(tools, digest);
}

const stackFrom = (tools: Tools, digest: string): Stack | null =>
  stackOf(tools, { layers: [archiveLayer(digest)], key: digest, config: null });

const isAddress = (archive: string): boolean => /^https?:/.test(archive);

/** By the file itself, else by the lock; null: any content is right. */
function pinned(tools: Tools, { rootfs: { archive, sha256 }, context }: Request): string | null {
  if (sha256 !== null || !isAddress(archive)) return sha256;
  const locked = tools.lockFile(context.project.root).get(["archives", archive]);
  return typeof locked === "string" ? locked : null;
}

async function make(tools: Tools, request: Request): Promise<Result<Stack, Problem>> {
  const { archive, sha256 } = request.rootfs;
  const known = pinned(tools, request) ?? knownDigest(tools, archive);
  if (known !== null) leaseLayers(tools, [archiveLayer(known)]);
  const there = resolve(tools, request) ?? (await unpacked(tools, request));
  if ("ok" in there && !there.ok) return there;
  const stack = "ok" in there ? there.value : there;
  if (sha256 === null && isAddress(archive))
    tools.lockFile(request.context.project.root).set(["archives", archive], stack.key);
  return success(stack);
}

async function unpacked(tools: Tools, request: Request): Promise<Result<Stack, Problem>> {
  const { archive } = request.rootfs;
  const sha256 = pinned(tools, request);
  if (!isAddress(archive)) return await unpack(tools, request, { file: archive, sha256 });
  if (sha256 === null && tools.lockFile(request.context.project.root).frozen())
    return failure(notPinned(request));
  const { fetchArchive } = await import("./fetch.ts");
  const file = await fetchArchive(tools, request);
  if (!file.ok) return file;
  const stack = await unpack(tools, request, { file: file.value, sha256 });
  // Right or wrong, it has done its work: a layer takes its place, or the next try begins anew.
  await tools.files.remove(file.value);
  return stack;
}

async function unpack(tools: Tools, request: Request, source: Source): Promise<Result<Stack, Problem>> {
  const { archive } = request.rootfs;
  const key = keyOf(archive);
  if (key === null)
    return failure({
      code: "rootfs-missing",
      message: `the archive ${archive} does not exist`,
      place: request.context.place(request.environment.name, "rootfs.archive"),
      hint: "correct the path, or make it",
    });
  const digest = await unpackArchive(tools, source, request);
  if (!digest.ok) return digest;
  rememberDigest(tools, archive, { key, sha256: digest.value });
  const stack = stackFrom(tools, digest.value);
  if (stack === null) throw new Error(`the layer of ${archive} is not there after it was made`);
  return success(stack);
}

const notPinned = ({ rootfs, environment, context }: Request): Problem => ({
  code: "lock-mismatch",
  message: `pavlos.lock does not pin ${rootfs.archive}, and --frozen forbids to fetch it`,
  place: context.place(environment.name, "rootfs.archive"),
  hint: "run the command without --frozen, and commit pavlos.lock; or set rootfs.sha256",
});
