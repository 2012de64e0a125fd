import { join } from "node:path";
import type { Files } from "../../host/files.ts";
import { parseMountinfo } from "../../host/mountinfo.ts";
import { trees } from "../../host/trees.ts";
import type { Drift } from "../../model/instance.ts";
import type { Observed } from "../provider.ts";

/** Mounts of the record that the container's init does not see any more. */
export function observeMounts(
  files: Files,
  instances: readonly Observed[],
): ReadonlyMap<string, ReadonlyMap<string, Drift>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record, process } of instances) {
    if (record.spec.mounts.length === 0 || process.pid === null) continue;
    const text = files.readText(`/proc/${process.pid}/mountinfo`);
    if (text === null) continue;
    const points = new Set(parseMountinfo(text).map((entry) => entry.point));
    const root = `/proc/${process.pid}/root`;
    const gone = record.spec.mounts.findIndex(({ target }) => isGone(points, root, target));
    if (gone < 0) continue;
    const drift: Drift = { live: undefined, reason: "unmounted outside Pavlos", impact: "restart" };
    drifts.set(record.name, new Map([[`mounts[${gone}]`, drift]]));
  }
  return drifts;
}

/** The kernel lists where a mount really is: a target below /var/run is listed below /run. */
function isGone(points: ReadonlySet<string>, root: string, target: string): boolean {
  if (points.has(join(target))) return false;
  // Without the right to look inside nobody can tell.
  if (trees.realStats(join(root, "/")) === null) return false;
  const real = resolveInside(root, target);
  return real !== null && !points.has(real);
}

/**
 * A path with its links followed as somebody inside sees them. Nothing is opened there: the answer
 * is compared, never used as a path. Null: a loop.
 */
export function resolveInside(root: string, path: string): string | null {
  const left = path.split("/").filter((part) => part !== "");
  let done = "/";
  let links = 0;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    const next = join(done, part);
    const target = trees.linkTarget(join(root, next));
    if (target === null) {
      done = next;
      continue;
    }
    links += 1;
    if (links > 40) return null;
    if (target.startsWith("/")) done = "/";
    left.unshift(...target.split("/").filter((piece) => piece !== ""));
  }
  return done;
}
