import { join } from "node:path";
import type { Files } from "../../host/files.ts";
import { type MountEntry, parseMountinfo } from "../../host/mountinfo.ts";
import { trees } from "../../host/trees.ts";
import type { Mount } from "../../model/environment.ts";
import type { Drift } from "../../model/instance.ts";
import type { Observed } from "../provider.ts";

/** Where what is mounted comes from on the machine; null: from nowhere. */
export type SourceOf = (mount: Mount) => string | null;

/** Mounts of the record that the container's init does not see any more. */
export function observeMounts(
  files: Files,
  instances: readonly Observed[],
  sourceOf: SourceOf,
): ReadonlyMap<string, ReadonlyMap<string, Drift>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record, process } of instances) {
    if (record.spec.mounts.length === 0 || process.pid === null) continue;
    const text = files.readText(`/proc/${process.pid}/mountinfo`);
    if (text === null) continue;
    const seen = lookAt(text, `/proc/${process.pid}/root`);
    const found = new Map<string, Drift>();
    for (const [index, mount] of record.spec.mounts.entries()) {
      const drift = driftOf(seen, mount, sourceOf);
      if (drift !== null) found.set(`mounts[${index}]`, drift);
    }
    if (found.size > 0) drifts.set(record.name, found);
  }
  return drifts;
}

interface Seen {
  /** By place; of two at one place the later one is seen. */
  readonly entries: ReadonlyMap<string, MountEntry>;
  /** Places at which there is more than one. */
  readonly stacked: ReadonlySet<string>;
  /** Path of the container's root for us. */
  readonly root: string;
}

function lookAt(mountinfo: string, root: string): Seen {
  const entries = new Map<string, MountEntry>();
  const stacked = new Set<string>();
  for (const entry of parseMountinfo(mountinfo)) {
    if (entries.has(entry.point)) stacked.add(entry.point);
    entries.set(entry.point, entry);
  }
  return { entries, stacked, root };
}

function driftOf({ entries, stacked, root }: Seen, mount: Mount, sourceOf: SourceOf): Drift | null {
  if (isGone(entries, root, mount.target)) return { live: undefined, reason: "unmounted outside Pavlos" };
  const entry = entries.get(join(mount.target));
  if (entry === undefined) return null;
  if (stacked.has(entry.point) && isOther({ entry, root, mount }, sourceOf(mount)))
    return { live: `${entry.type} ${entry.source}`, reason: "something was mounted over it outside Pavlos" };
  if (entry.readonly === mount.readonly || mayBeReadonly(mount)) return null;
  return { live: { ...mount, readonly: entry.readonly }, reason: "mounted anew outside Pavlos" };
}

/** What is seen there is not what the file asks for; without the right to look nobody can tell. */
function isOther(
  { entry, root, mount }: { readonly entry: MountEntry; readonly root: string; readonly mount: Mount },
  source: string | null,
): boolean {
  if (source === null) return entry.type !== mount.type;
  const [inside, outside] = [trees.realStats(join(root, entry.point)), trees.realStats(source)];
  if (inside === null || outside === null) return false;
  return inside.dev !== outside.dev || inside.ino !== outside.ino;
}

/** A source that is read-only on the host is so inside, whatever the file says. */
const mayBeReadonly = (mount: Mount): boolean => mount.type !== "tmpfs" && !mount.readonly;

/** The kernel lists where a mount really is: a target below /var/run is listed below /run. */
function isGone(points: ReadonlyMap<string, unknown>, root: string, target: string): boolean {
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
