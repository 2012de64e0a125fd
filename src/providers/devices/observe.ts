import { numbersOf } from "../../host/devices.ts";
import { trees } from "../../host/trees.ts";
import type { Drift } from "../../model/instance.ts";
import { readContainerState } from "../../native/state.ts";
import { containersPath } from "../../state/paths.ts";
import type { Context, Observed } from "../provider.ts";
import type { Tools } from "../tools.ts";
import type { Attachment } from "./attachment.ts";
import { holdersOf } from "./change.ts";
import { concerned, type Machine, planOf } from "./resolve.ts";
import { readStored } from "./stored.ts";

/** What the machine would give today, against what the running containers have. */
export async function observeDevices(
  tools: Tools,
  machine: Machine,
  { instances, context }: { readonly instances: readonly Observed[]; readonly context: Context },
): Promise<ReadonlyMap<string, ReadonlyMap<string, Drift>>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const instance of instances) {
    const { record, process } = instance;
    if (process.pid === null || !concerned(record.spec)) continue;
    const drift = await driftOf(tools, machine, { instance, context });
    if (drift !== null) drifts.set(record.name, drift);
  }
  return drifts;
}

async function driftOf(
  tools: Tools,
  machine: Machine,
  { instance, context }: { readonly instance: Observed; readonly context: Context },
): Promise<ReadonlyMap<string, Drift> | null> {
  const { record, process } = instance;
  const from = readStored(tools, context.project.id, record.name);
  const users = { used: new Set<string>(), own: new Set(from.gpus) };
  const planned = await planOf(tools, machine, { environment: record.spec, users });
  const field = record.spec.gpus === null ? "devices" : "gpus";
  // What cannot be had any more: apply says why, and changes nothing.
  if (!planned.ok) {
    const drift: Drift = { live: undefined, reason: planned.failure.message, impact: "restart" };
    return new Map([[planned.failure.path, drift]]);
  }
  const to = planned.value.attachment;
  const replaced = replacedNode(process.pid, from);
  const reason =
    differenceOf(from, to) ??
    replaced ??
    lostNode(process.pid, from) ??
    lostRule(tools, record.containerId, from);
  if (reason === null) return null;
  const container = { id: record.containerId, pid: process.pid ?? 0, applied: record.spec };
  const busy = await holdersOf(tools, { environment: record.spec, from, to }, container);
  const drift: Drift = {
    live: undefined,
    reason: busy === null ? reason : `${reason}; ${busy.error.reason}`,
    // A file of somebody else's is not Pavlos's to remove.
    impact: busy === null && replaced === null ? "live" : "restart",
  };
  return new Map([[field, drift]]);
}

/** In words; null: nothing differs. */
export function differenceOf(from: Attachment, to: Attachment): string | null {
  const [old, now] = [from.about.driver, to.about.driver];
  if (old !== undefined && now !== undefined && old !== now)
    return `the driver was updated: ${old} -> ${now}`;
  const missing = from.gpus.filter((key) => !to.gpus.includes(key));
  if (missing.length > 0) return `${missing.join(", ")} is gone or divided differently`;
  const nodes = (one: Attachment) =>
    JSON.stringify(one.nodes.map(({ path, major, minor }) => [path, major, minor]));
  if (nodes(from) !== nodes(to)) return "the machine numbers its devices differently";
  const files = (one: Attachment) => JSON.stringify([one.mounts, one.links, one.loader]);
  return files(from) === files(to) ? null : "the driver's files on the machine are others";
}

/** What somebody took away from the running container. */
function lostNode(pid: number | null, { nodes }: Attachment): string | null {
  // Without the right to look inside nobody can tell.
  if (trees.realStats(`/proc/${pid}/root/dev`) === null) return null;
  const lost = nodes.find(({ path }) => trees.stats(`/proc/${pid}/root${path}`) === null);
  return lost === undefined ? null : `${lost.path} was removed inside`;
}

/** Where nodes are mounted a plain file is left at their place. */
function replacedNode(pid: number | null, { nodes }: Attachment): string | null {
  const other = nodes.find(({ path, major, minor }) => {
    const stats = trees.stats(`/proc/${pid}/root${path}`);
    if (stats === null) return false;
    const isNode = stats.isCharacterDevice() || stats.isBlockDevice();
    const own = numbersOf(stats.rdev);
    return !isNode || own.major !== (major ?? 0) || own.minor !== (minor ?? 0);
  });
  return other === undefined ? null : `${other.path} is another file inside`;
}

/** On cgroup v1 the rules can be read. */
function lostRule({ files, paths, host }: Tools, id: string, { nodes }: Attachment): string | null {
  if (host.caller.uid !== 0) return null;
  const directory = readContainerState(files, containersPath(paths), id)?.cgroup.devices;
  const list = directory === undefined ? null : files.readText(`${directory}/devices.list`);
  if (list === null || /^a /m.test(list)) return null;
  const lines = new Set(list.split("\n").map((line) => line.split(" ").slice(0, 2).join(" ")));
  const lost = nodes.find(({ type, major, minor }) => !lines.has(`${type} ${major}:${minor}`));
  return lost === undefined ? null : `the device rule of ${lost.path} was lost`;
}
