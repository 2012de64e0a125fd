import { join } from "node:path";
import type { Files } from "../../host/files.ts";
import type { Resources } from "../../model/environment.ts";
import type { Drift } from "../../model/instance.ts";
import { type ContainerState, readContainerState } from "../../native/state.ts";
import { containersPath } from "../../state/paths.ts";
import type { Observed } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { sharesOf } from "./limits.ts";
import { readIo } from "./observe-io.ts";
import { readOomScore } from "./oom.ts";
import { enforceable } from "./unenforced.ts";

/** Limits whose cgroup files say something else than the record. */
export function observeLimits(
  tools: Tools,
  instances: readonly Observed[],
): ReadonlyMap<string, ReadonlyMap<string, Drift>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record, process } of instances) {
    const state = readContainerState(tools.files, containersPath(tools.paths), record.containerId);
    if (state === null) continue;
    const wanted = enforceable(record.spec.resources, tools.host);
    const found = new Map(differences(tools.files, state, wanted));
    const score = process.pid === null ? undefined : readOomScore(tools, process.pid);
    if (wanted.oomScore !== null && score !== undefined && score !== wanted.oomScore)
      found.set("resources.oomScore", { live: score, reason });
    if (found.size > 0) drifts.set(record.name, found);
  }
  return drifts;
}

const reason = "changed outside Pavlos";

/** One limit as the kernel has it. */
interface Live {
  readonly path: string;
  readonly wanted: unknown;
  /** null: no limit; undefined: there is no such file, so nobody can tell. */
  readonly live: unknown;
}

function differences(files: Files, state: ContainerState, wanted: Resources): ReadonlyMap<string, Drift> {
  const reader = readerOf(files, state.cgroup);
  const drifts = new Map<string, Drift>();
  for (const { path, wanted: should, live } of [...limitsIn(reader, wanted), ...readIo(reader, wanted.io)]) {
    if (live === undefined || live === should) continue;
    drifts.set(path, { live, reason });
  }
  return drifts;
}

/** Reads one file of a controller in whichever version has it; null: neither. */
export interface Reader {
  readonly v1: (controller: string, file: string) => string | null;
  readonly v2: (file: string) => string | null;
}

function readerOf(files: Files, cgroup: ContainerState["cgroup"]): Reader {
  const read = (directory: string | undefined, file: string): string | null =>
    directory === undefined ? null : (files.readText(join(directory, file))?.trim() ?? null);
  return {
    v1: (controller, file) => read(cgroup[controller], file),
    v2: (file) => read(cgroup[""], file),
  };
}

function limitsIn(reader: Reader, wanted: Resources): readonly Live[] {
  const memory = bytes(reader.v2("memory.max") ?? reader.v1("memory", "memory.limit_in_bytes"));
  const limits: Live[] = [
    { path: "resources.memory", wanted: inPages(wanted.memory), live: memory },
    {
      path: "resources.pids",
      wanted: wanted.pids,
      live: bytes(reader.v2("pids.max") ?? reader.v1("pids", "pids.max")),
    },
    { path: "resources.cpus", wanted: wanted.cpus, live: cpus(reader) },
  ];
  // Without a wish the kernel's own value counts, whatever it is.
  if (wanted.swap !== null)
    limits.push({ path: "resources.swap", wanted: inPages(wanted.swap), live: swap(reader, memory) });
  if (wanted.cpuset !== null)
    limits.push({ path: "resources.cpuset", wanted: canonicalList(wanted.cpuset), live: cpuset(reader) });
  if (wanted.cpuWeight !== null)
    limits.push({
      path: "resources.cpuWeight",
      wanted: wanted.cpuWeight,
      live: weight(reader, wanted.cpuWeight),
    });
  return limits.map((limit) => (limit.live === limit.wanted ? { ...limit, live: undefined } : limit));
}

/** The kernel keeps whole pages. */
const inPages = (value: number | null): number | null => (value === null ? null : value - (value % 4096));

/** "max", and in version 1 the largest number of pages or anything near it, is no limit. */
export function bytes(text: string | null): number | null | undefined {
  if (text === null) return undefined;
  const value = Number(text);
  return text === "max" || value >= 2 ** 62 ? null : value;
}

function cpus(reader: Reader): number | null | undefined {
  const [quota, each] = reader.v2("cpu.max")?.split(" ") ?? [
    reader.v1("cpu", "cpu.cfs_quota_us"),
    reader.v1("cpu", "cpu.cfs_period_us"),
  ];
  if (quota == null || each == null) return undefined;
  return quota === "max" || quota === "-1" ? null : Number(quota) / Number(each);
}

function swap(reader: Reader, memory: number | null | undefined): number | null | undefined {
  const own = reader.v2("memory.swap.max");
  if (own !== null) return bytes(own);
  const both = bytes(reader.v1("memory", "memory.memsw.limit_in_bytes"));
  return both == null || memory == null ? both : both - memory;
}

function cpuset(reader: Reader): string | undefined {
  const text = reader.v2("cpuset.cpus") ?? reader.v1("cpuset", "cpuset.cpus");
  return text === null ? undefined : canonicalList(text);
}

/** "0,1,2,5" and "0-2,5" are the same processors. */
export function canonicalList(text: string): string {
  const ids = new Set<number>();
  for (const part of text.split(",").filter((word) => word !== "")) {
    const [first = 0, last = first] = part.split("-").map(Number);
    for (let id = first; id <= last; id += 1) ids.add(id);
  }
  const ranges: [number, number][] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const range = ranges.at(-1);
    if (range !== undefined && range[1] === id - 1) range[1] = id;
    else ranges.push([id, id]);
  }
  return ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(",");
}

/** Shares are coarser than weights: what they were made from is the same. */
function weight(reader: Reader, wanted: number): number | undefined {
  const own = reader.v2("cpu.weight");
  if (own !== null) return Number(own);
  const shares = reader.v1("cpu", "cpu.shares");
  if (shares === null) return undefined;
  return Number(shares) === sharesOf(wanted) ? wanted : Math.round((Number(shares) * 100) / 1024);
}
