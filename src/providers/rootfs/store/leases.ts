import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import { leasesPath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import { type LayerId, layerName } from "./layers.ts";
import { isAtWork, processName } from "./stage.ts";

/**
 * Says that this process works with these layers, for as long as it lives: gc leaves them. Take the lease
 * first and look afterwards whether the layers are there; gc moves a layer away first and looks at the
 * leases afterwards, so that one of the two sees the other.
 */
export const leaseLayers = (tools: Tools, ids: readonly LayerId[]): void =>
  leaseNames(
    tools,
    ids.map((id) => layerName(tools, id)),
  );

/** The same by the names of their directories. */
export function leaseNames(tools: Tools, names: readonly string[]): void {
  if (names.length === 0) return;
  const path = join(leasesPath(tools.paths), processName(tools));
  if (trees.stats(path) === null) clearDead(tools);
  tools.files.append(path, names.map((name) => `${name}\n`).join(""));
}

/** Each process removes the leases of those before it: nobody has to remember to give one back. */
function clearDead(tools: Tools): void {
  trees.makeDirectory(leasesPath(tools.paths), 0o700);
  for (const path of readLeases(tools).dead) trees.removeFile(path);
}

/** Names of the layers that living processes work with, and the leases of dead ones. */
export function readLeases(tools: Tools): {
  readonly names: ReadonlySet<string>;
  readonly dead: readonly string[];
} {
  const directory = leasesPath(tools.paths);
  const names = new Set<string>();
  const dead: string[] = [];
  for (const owner of trees.list(directory)) {
    const path = join(directory, owner);
    if (!isAtWork(tools, owner)) dead.push(path);
    else for (const name of (tools.files.readText(path) ?? "").split("\n")) names.add(name);
  }
  names.delete("");
  return { names, dead };
}
