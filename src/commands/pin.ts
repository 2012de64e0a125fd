import { dirname } from "node:path";
import type { Environment } from "../model/environment.ts";
import type { Desired } from "../model/project.ts";
import { failure } from "../model/result.ts";
import type { Loaded } from "../reconcile/api.ts";
import { lockName } from "../state/lock-file/lock-file.ts";
import type { Invocation } from "./invocation.ts";
import { type OpenRegistry, openRegistry, type Place } from "./place.ts";

export interface PinRequest {
  readonly loaded: Loaded;
  readonly desired: Desired;
  readonly images: "lookUp" | "known" | "update";
}

/** Files whose images are filled in: what they stand for, and what they bring along. */
export async function pinLoaded(invocation: Invocation, place: Place, request: PinRequest): Promise<Loaded> {
  const { loaded, desired, images } = request;
  const registry = await openRegistry(place);
  if (!registry.ok) return images === "known" ? loaded : { ...loaded, result: failure(registry.failure) };
  const { pinImages } = await import("../providers/rootfs/image/pin.ts");
  const lock = registry.value.lockFile(desired.project.root);
  if (invocation.options.frozen === true) lock.freeze();
  const isAsked = asked(invocation, desired);
  if (images === "update") await unpinArchives(registry.value, desired, isAsked);
  const result = await pinImages(desired, {
    images: registry.value.images,
    lock,
    mode: (name) => (isAsked(name) ? modes[images] : "store"),
    signal: invocation.interruption(),
  });
  const { root } = desired.project;
  return {
    result,
    files: [...loaded.files, lock.file],
    directories: [...new Set([...loaded.directories, dirname(`${root}/${lockName}`)])],
  };
}

const modes = { lookUp: "lock", known: "store", update: "update" } as const;

/** The environments that are named; when none is, all of them. */
function asked({ args }: Invocation, { environments }: Desired): (name: string) => boolean {
  const named = args.filter((arg) => environments.some(({ name }) => name === arg));
  return (name) => named.length === 0 || named.includes(name);
}

/** What an environment's root is, or what its steps begin with. */
export const rootBelow = ({ rootfs }: Environment) => (rootfs.kind === "build" ? rootfs.from : rootfs);

/** What stands at an address now is only known when it was fetched: the next apply does that. */
async function unpinArchives(
  { roots, lockFile }: OpenRegistry,
  { environments, project }: Desired,
  isAsked: (name: string) => boolean,
): Promise<void> {
  const { forgetDigest } = await import("../providers/rootfs/archive/digests.ts");
  for (const environment of environments) {
    const root = rootBelow(environment);
    if (!isAsked(environment.name) || root.kind !== "archive" || !root.archive.startsWith("http")) continue;
    lockFile(project.root).set(["archives", root.archive], null);
    await forgetDigest(roots.tools, root.archive);
  }
}
