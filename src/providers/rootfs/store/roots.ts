import { basename, join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { environmentPaths, projectPath, projectsPath, refsPath } from "../../../state/paths.ts";
import { parseRecord } from "../../../state/records.ts";
import type { Tools } from "../../tools.ts";
import { layerNames, readBase } from "./base.ts";
import { imageStack, listImages } from "./images.ts";
import { readLeases } from "./leases.ts";

/** What the store must keep, by why. */
export interface Roots {
  /** Names of layers below writable layers, in records, named by the user or in use right now. */
  readonly used: ReadonlySet<string>;
  /** Names of layers that only a lock file of a project wants: they can be had again. */
  readonly locked: ReadonlySet<string>;
  /** Digests ("sha256:...") of images that somebody wants. */
  readonly images: ReadonlySet<string>;
}

/** A container on its layers, for whoever must not touch them. */
export interface User {
  readonly project: string;
  readonly environment: string;
  readonly key: string | null;
  readonly layers: readonly string[];
}

/** Reads all of this caller's projects, named roots and leases. */
export function readRoots(tools: Tools): Roots {
  const users = readUsers(tools);
  const refs = readRefs(tools);
  const { names } = readLeases(tools);
  const used = new Set([...users, ...refs].flatMap(({ layers }) => layers).concat([...names]));
  const keys = new Set([...users, ...refs].flatMap(({ key }) => key ?? []));
  const wanted = lockedDigests(tools);
  const images = listImages(tools).filter(
    ({ digest }) => keys.has(digest) || wanted.has(digest.replace("sha256:", "")),
  );
  const stacks = images.map((image) => imageStack(tools, image));
  const locked = new Set(stacks.flatMap((stack) => (stack === null ? [] : layerNames(stack))));
  for (const name of trees.list(join(tools.paths.data, "store", "layers")))
    if (hexOf(name).some((hex) => wanted.has(hex))) locked.add(name);
  return { used, locked, images: new Set(images.map(({ digest }) => digest)) };
}

/** Every environment of this caller, with what its root is made of. */
export function readUsers(tools: Tools): readonly User[] {
  return trees.list(projectsPath(tools.paths)).flatMap((project) =>
    trees.list(projectPath(tools.paths, project)).flatMap((environment) => {
      const { work, record } = environmentPaths(tools.paths, project, environment);
      const base = readBase(tools.files.readText(join(work, "base")));
      const kept = keptIn(tools.files.readText(record), environment);
      const layers = [...(base?.layers ?? []), ...kept.layers];
      const key = base?.key ?? kept.key;
      return layers.length === 0 && key === null ? [] : [{ project, environment, key, layers }];
    }),
  );
}

function keptIn(text: string | null, name: string): Pick<User, "key" | "layers"> {
  const parsed = parseRecord(text, name);
  const kept = parsed.ok ? (parsed.value.provider.rootfs as Partial<User> | null | undefined) : null;
  return {
    key: typeof kept?.key === "string" ? kept.key : null,
    layers: Array.isArray(kept?.layers) ? kept.layers : [],
  };
}

/** Stacks that the user named: refs/<name>.json, written as `work/base` is. */
function readRefs(tools: Tools): readonly User[] {
  return trees.list(refsPath(tools.paths)).flatMap((file) => {
    const base = readBase(tools.files.readText(join(refsPath(tools.paths), file)));
    return base === null ? [] : [{ ...base, project: "", environment: basename(file, ".json") }];
  });
}

/** Every digest that stands in the lock file of a known project, whatever it is of. */
function lockedDigests(tools: Tools): ReadonlySet<string> {
  const wanted = new Set<string>();
  for (const id of trees.list(projectsPath(tools.paths))) {
    const root = rootOf(tools.files.readText(join(projectPath(tools.paths, id), "project.json")));
    const text = root === null ? null : trees.readThrough(join(root, "pavlos.lock"));
    for (const hex of hexOf(text ?? "")) wanted.add(hex);
  }
  return wanted;
}

const hexOf = (text: string): readonly string[] => text.match(/[0-9a-f]{64}/g) ?? [];

function rootOf(text: string | null): string | null {
  try {
    const value = JSON.parse(text ?? "null") as { readonly root?: unknown } | null;
    return typeof value?.root === "string" ? value.root : null;
  } catch {
    // Half-written by a crash: the next apply writes it anew.
    return null;
  }
}
