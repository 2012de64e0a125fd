import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { FileChange, PackageChange, RootChanges } from "../../model/files.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { errorOf, problemOf } from "../../native/native.ts";
import { treeMaps } from "../../oci/identity.ts";
import { environmentPaths } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";
import { passwordFiles } from "./hidden.ts";
import { mountPoints, type WritablePart, writableParts } from "./overlays.ts";
import { apk } from "./packages/apk.ts";
import { type Database, type PackageManager, packageChanges } from "./packages/database.ts";
import { dpkg } from "./packages/dpkg.ts";
import { rpm } from "./packages/rpm.ts";

/** What was changed in an environment's root, compared with the layers below. Reads only. */
export async function rootChanges(
  tools: Tools,
  projectId: string,
  name: string,
): Promise<Result<RootChanges, Problem>> {
  const own = environmentPaths(tools.paths, projectId, name);
  const parts = writableParts(tools.files, own.bundle, own.upper).filter(({ upper }) => trees.stats(upper));
  const points = mountPoints(tools.files, own.bundle);
  const files: FileChange[] = [];
  for (const part of parts) {
    const found = await changesIn(tools, part, name);
    if (!found.ok) return found;
    files.push(...found.value.filter(({ change, path }) => change !== "added" || !points.has(path)));
  }
  files.sort((left, right) => (left.path < right.path ? -1 : 1));
  return success({ files, ...packagesOf(parts) });
}

/** Is this path the state of a package manager, or one that Pavlos wrote: nothing that anybody edits by hand? */
export const isMachinery = (path: string): boolean =>
  passwordFiles.some((file) => file === path) ||
  managers.some(({ own }) => own.some((directory) => path === directory || path.startsWith(`${directory}/`)));

const managers: readonly PackageManager[] = [dpkg, apk, rpm];

async function changesIn(
  tools: Tools,
  { point, upper, lowers }: WritablePart,
  name: string,
): Promise<Result<readonly FileChange[], Problem>> {
  const outcome = await tools.native.run(["changes", ...treeMaps(tools.host), upper, ...lowers]);
  if (outcome.code !== 0)
    return failure(problemOf(errorOf(outcome), `what was written in ${name} cannot be read`));
  const lines = outcome.stdout.split("\n").filter((line) => line !== "");
  return success(lines.map((line) => placed(JSON.parse(line), point)));
}

function placed(change: Partial<FileChange> & FileChange, point: string): FileChange {
  const { differs = [], from = null, path } = change;
  const at = (below: string): string => (point === "/" ? below : `${point}${below}`);
  return { ...change, path: at(path), differs, from: from === null ? null : at(from) };
}

function packagesOf(parts: readonly WritablePart[]): Omit<RootChanges, "files"> {
  const packages: PackageChange[] = [];
  const owners = new Map<string, number>();
  for (const manager of managers) {
    const states = databasesOf(manager, parts);
    if (states === null) continue;
    for (const change of packageChanges(manager.name, states.before, states.after)) {
      const index = packages.push(change) - 1;
      for (const path of filesOf(manager, change, { parts, ...states })) owners.set(path, index);
    }
  }
  return { packages, owners };
}

interface States {
  readonly before: Database;
  readonly after: Database;
}

/** Null: it was not used here, or keeps its database in a form that cannot be read. */
function databasesOf(manager: PackageManager, parts: readonly WritablePart[]): States | null {
  const now = manager.databases.map((path) => locate(parts, path)).find((found) => found?.now !== null);
  if (now?.now == null) return null;
  try {
    const before: Database = now.below === null ? new Map() : manager.read(now.below);
    return { before, after: manager.read(now.now) };
  } catch {
    // Another form of database, or half written: its files are then listed one by one.
    return null;
  }
}

function filesOf(
  manager: PackageManager,
  { name }: PackageChange,
  { parts, before, after }: States & { readonly parts: readonly WritablePart[] },
): readonly string[] {
  const list = manager.listOf(name);
  if (list === null) return [...(before.get(name)?.files ?? []), ...(after.get(name)?.files ?? [])];
  const found = locate(parts, list);
  const texts = [found?.now, found?.below].map((path) => (path == null ? "" : trees.readThrough(path)));
  const listed = texts
    .flatMap((text) => (text ?? "").split("\n"))
    .filter((path) => path !== "" && path !== "/.");
  // Packages name /bin/x also where /bin is a link to /usr/bin.
  return listed.flatMap((path) => (/^\/(bin|sbin|lib\w*)\//.test(path) ? [path, `/usr${path}`] : [path]));
}

interface Located {
  /** Path on the host of the file in the writable layer; null: it is not there. */
  readonly now: string | null;
  /** The same in the topmost layer below that has it. */
  readonly below: string | null;
}

function locate(parts: readonly WritablePart[], path: string): Located | null {
  const holders = parts.filter(({ point }) => point === "/" || path.startsWith(`${point}/`));
  const part = holders.sort((left, right) => right.point.length - left.point.length)[0];
  if (part === undefined) return null;
  const below = part.point === "/" ? path : path.slice(part.point.length);
  const isFile = (candidate: string): boolean => trees.stats(candidate)?.isFile() ?? false;
  const own = join(part.upper, below);
  const lower = part.lowers.map((layer) => join(layer, below)).find(isFile);
  return { now: isFile(own) ? own : null, below: lower ?? null };
}
