import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { InstanceRecord } from "../../model/instance.ts";
import type { DataLost } from "../../model/plan.ts";
import { environmentPaths, type StatePaths } from "../../state/paths.ts";
import type { Context } from "../provider.ts";
import { passwordFiles } from "./hidden.ts";

/** Account files that Pavlos itself writes when a container is made. */
const own: ReadonlySet<string> = new Set([...passwordFiles, "/etc/passwd", "/etc/group"]);
/** The same where /etc is a layer of its own. */
const inEtc: ReadonlySet<string> = new Set([...own].map((path) => path.slice("/etc".length)));

/** What was written in the roots; of an environment that is fresh at each start nothing counts. */
export function writtenSince(
  paths: StatePaths,
  records: readonly InstanceRecord[],
  context: Context,
): ReadonlyMap<string, DataLost> {
  const lost = new Map<string, DataLost>();
  for (const { name, spec, createdAt } of records) {
    if (!spec.persist || spec.readonly) continue;
    const bytes = writtenIn(environmentPaths(paths, context.project.id, name).upper);
    if (bytes > 0) lost.set(name, { bytes, since: createdAt });
  }
  return lost;
}

/** Bytes that the user has written into an upper directory. */
export function writtenIn(upper: string): number {
  const layers = trees.list(upper).filter((layer) => layer !== "private-var-tmp");
  return layers
    .map((layer) => trees.size(join(upper, layer), layer === "etc" ? inEtc : own))
    .reduce((sum, size) => sum + size, 0);
}
