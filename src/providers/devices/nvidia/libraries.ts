import { dirname } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import type { GpuCapability } from "../../../model/gpus.ts";
import { sonameOf } from "./elf.ts";
import { architectures, type CacheEntry, parseCache } from "./ld-cache.ts";
import { capabilityOfLibrary, landmarks, libraryDirectories, splitDirectories } from "./library-names.ts";
import type { Library } from "./model.ts";

type Architecture = "x64" | "arm64" | "i386";

/** The driver's libraries of this version, wherever the loader would find them. */
export function findLibraries(
  tree: DriverTree,
  version: string,
  arch: "x64" | "arm64",
): Pick<Found, "libraries" | "versions"> {
  const cache = parseCache(tree.bytes("/etc/ld.so.cache") ?? new Uint8Array(), landmarks);
  const native = search(tree, { version, cache, architecture: arch });
  if (arch !== "x64") return native;
  const old = search(tree, { version, cache, architecture: "i386" });
  const compat = old.libraries.filter(
    ({ path }) => !native.libraries.some((library) => library.path === path),
  );
  return { libraries: [...native.libraries, ...compat], versions: native.versions };
}

interface Search {
  readonly version: string;
  readonly cache: readonly CacheEntry[];
  readonly architecture: Architecture;
}

interface Found {
  readonly libraries: readonly Library[];
  readonly versions: readonly string[];
}

function search(tree: DriverTree, wanted: Search): Found {
  const libraries = new Map<string, Library>();
  const versions = new Set<string>();
  for (const directory of directoriesOf(tree, wanted)) {
    const names = tree.list(directory).filter((name) => name.startsWith("lib"));
    const byStem = Map.groupBy(names, stemOf);
    for (const file of names) {
      const [, cuda] = /^libcuda\.so\.(\d+\.\d+(?:\.\d+)?)$/.exec(file) ?? [];
      if (cuda !== undefined) versions.add(cuda);
      const capability = capabilityOfLibrary(file, wanted.version);
      if (capability === null || libraries.has(file)) continue;
      const names = byStem.get(stemOf(file)) ?? [];
      const library = libraryAt(tree, { directory, file, names, capability, wanted });
      if (library !== null) libraries.set(file, library);
    }
  }
  return { libraries: [...libraries.values()], versions: [...versions].sort() };
}

/** libcuda.so of libcuda.so.1 */
const stemOf = (name: string): string => name.slice(0, name.indexOf(".so") + 3);

/** Where the cache says; where it says nothing, the usual places. */
function directoriesOf(tree: DriverTree, { cache, architecture }: Search): readonly string[] {
  const known = cache.filter((entry) => entry.architecture === architectures[architecture]);
  const cached = known.flatMap(({ path }) => {
    const real = tree.real(path);
    return real === null ? [] : [dirname(real)];
  });
  const split = architecture === "i386" ? [] : splitDirectories;
  const usual = cached.length > 0 ? [] : libraryDirectories[architecture];
  const found = [...cached, ...split, ...usual].map((path) => tree.real(path));
  return [...new Set(found.filter((path) => path !== null))];
}

interface Candidate {
  readonly directory: string;
  readonly file: string;
  /** Of the directory, with the same stem. */
  readonly names: readonly string[];
  readonly capability: GpuCapability;
  readonly wanted: Search;
}

function libraryAt(tree: DriverTree, candidate: Candidate): Library | null {
  const { directory, file, names, capability, wanted } = candidate;
  const found = tree.find(`${directory}/${file}`);
  if (found?.status.kind !== "file") return null;
  const { path } = found;
  const stem = stemOf(file);
  const links = names.filter(
    (name) =>
      name !== file &&
      (name === stem || name.startsWith(`${stem}.`)) &&
      tree.real(`${directory}/${name}`) === path,
  );
  const soname = links.some((name) => name !== stem) ? null : sonameOf(tree, path);
  const all = new Set([...links, ...(soname === null || soname === file ? [] : [soname])]);
  // What programs open by its bare name, whether or not the host has the link.
  if (stem === "libcuda.so") all.add("libcuda.so");
  if (stem === "libGLX_nvidia.so") all.add("libGLX_indirect.so.0");
  return {
    file,
    path,
    inode: found.status.inode,
    links: [...all].sort(),
    capability: wanted.architecture === "i386" ? "compat32" : capability,
    bits: wanted.architecture === "i386" ? 32 : 64,
  };
}
