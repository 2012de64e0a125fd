import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { CopyStep, Step } from "../../../model/build.ts";
import { treeMaps } from "../../../oci/identity.ts";
import type { OciMount } from "../../provider.ts";
import type { Tools } from "../../tools.ts";
import { escapedPath } from "../layers.ts";
import type { Stack } from "../store/stack.ts";

/** The root of a step: its upper directory, which becomes the layer, over the layers so far. */
export function stepRoot(
  tools: Tools,
  lowers: readonly string[],
  places: { upper: string; work: string },
): OciMount {
  trees.makeLike(places.upper, lowers[0] ?? "/");
  trees.makeDirectory(places.work, 0o700);
  const inUserNamespace = treeMaps(tools.host).length > 0;
  return {
    destination: "/",
    type: "overlay",
    source: "overlay",
    options: [
      `lowerdir=${lowers.map(escapedPath).join(":")}`,
      `upperdir=${escapedPath(places.upper)}`,
      `workdir=${escapedPath(places.work)}`,
      // A layer has to mean the same below others and in an archive: no redirections in it.
      ...(inUserNamespace ? ["userxattr"] : ["redirect_dir=off", "metacopy=off"]),
    ],
  };
}

const aptCaches = ["/var/cache/apt/archives", "/var/lib/apt/lists"];

/** Directories that are kept from build to build, as paths inside. What apt fetches is where apt is. */
export function cachesOf(step: Step, stack: Pick<Stack, "layers">): readonly string[] {
  const hasApt = (step.kind === "run" || step.kind === "packages") && isThere(stack, "var/lib/dpkg");
  const named = step.kind === "run" ? step.caches : [];
  return [...new Set([...named, ...(hasApt ? aptCaches : [])])].sort();
}

export const isThere = ({ layers }: Pick<Stack, "layers">, path: string): boolean =>
  layers.some((layer) => trees.stats(join(layer, path)) !== null);

/** Where a cache is kept: each distribution has its own, because names of packages mean other files there. */
export function cachePath(tools: Tools, stack: Pick<Stack, "layers">, inside: string): string {
  const name = inside.slice(1).replaceAll("%", "%25").replaceAll("/", "%2F");
  return join(tools.paths.data, "caches", distributionOf(stack), name);
}

export function cacheMount(tools: Tools, stack: Pick<Stack, "layers">, inside: string): OciMount {
  const source = cachePath(tools, stack, inside);
  trees.makeDirectory(source, 0o755);
  return { destination: inside, type: "none", source, options: ["bind", "nosuid", "nodev"] };
}

/** "debian-12"; "other" for a root that does not say. */
function distributionOf({ layers }: Pick<Stack, "layers">): string {
  for (const layer of layers) {
    const text = trees.readThrough(join(layer, "usr/lib/os-release"));
    const field = (name: string) => new RegExp(`^${name}="?([a-zA-Z0-9._-]+)"?$`, "m").exec(text ?? "")?.[1];
    const id = field("ID");
    if (id !== undefined) return [id, field("VERSION_ID")].filter((part) => part !== undefined).join("-");
  }
  return "other";
}

/** Where a copy step finds what it copies, and with what; below /run, which no layer keeps. */
export const copyPlaces = {
  source: "/run/pavlos/source",
  list: "/run/pavlos/list",
  program: "/run/pavlos/pavlosc",
};

export const copyMounts = (step: CopyStep, list: string, program: string): readonly OciMount[] =>
  [
    [copyPlaces.source, step.from],
    [copyPlaces.list, list],
    [copyPlaces.program, program],
  ].map(([destination = "", source = ""]) => ({
    destination,
    type: "none",
    source,
    options: ["bind", "ro", "nosuid", "nodev"],
  }));

/**
 * Mount points that were made for the step and are no part of its result: what is in the upper directory,
 * empty, and in no layer below it. Deepest first.
 */
export function madeMountPoints(
  upper: string,
  lowers: readonly string[],
  destinations: readonly string[],
): readonly string[] {
  const candidates = new Set(destinations.flatMap(withParents));
  const gone = new Set<string>();
  for (const path of [...candidates].sort((left, right) => right.length - left.length)) {
    const stats = trees.stats(join(upper, path));
    if (stats === null || lowers.some((lower) => trees.stats(join(lower, path)) !== null)) continue;
    const rest = stats.isDirectory()
      ? trees.list(join(upper, path)).filter((name) => !gone.has(`${path}/${name}`))
      : [];
    if (rest.length === 0 && (stats.isDirectory() || (stats.isFile() && stats.size === 0))) gone.add(path);
  }
  return [...gone].map((path) => join(upper, path));
}

/** "/a/b": "/a/b" and "/a". */
function withParents(path: string): readonly string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`);
}
