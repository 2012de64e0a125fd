import { statSync } from "node:fs";
import { numbersOf } from "../../host/devices.ts";
import type { Io, IoLimits, Resources } from "../../model/environment.ts";
import type { HostFacts } from "../../model/host.ts";
import type { OciBlockIo, OciResources, OciThrottle } from "../../oci/oci-runtime.gen.ts";
import { enforceable, isEnforced } from "./unenforced.ts";

/** Microseconds. */
export const period = 100_000;

/** linux.resources for a new container: only the limits that the file sets. */
export function limitsOf(all: Resources, host: HostFacts): OciResources {
  const resources = enforceable(all, host);
  const unified = unifiedOf(resources, host);
  return {
    ...(resources.memory === null ? {} : { memory: memoryOf(resources.memory, resources.swap) }),
    ...cpuOf(resources, host),
    ...(resources.pids === null ? {} : { pids: { limit: resources.pids } }),
    ...(resources.io === null ? {} : { blockIO: blockIoOf(resources.io, host) }),
    ...(Object.keys(unified).length === 0 ? {} : { unified }),
  };
}

/** The same for a running one: a limit that the file has no more is lifted. */
export function limitsForUpdate(all: Resources, host: HostFacts): OciResources {
  const limits = limitsOf(all, host);
  const version2 = host.cgroup.version === 2;
  const lifts = (name: "memory" | "pids" | "cpus" | "cpuset" | "cpuWeight"): boolean =>
    all[name] === null && isEnforced(name, host);
  const cpu = {
    ...(lifts("cpus") ? { quota: -1, period } : {}),
    ...(lifts("cpuWeight") && !version2 ? { shares: sharesOf(100) } : {}),
    ...(lifts("cpuset") ? { cpus: `0-${host.cpus - 1}` } : {}),
    ...limits.cpu,
  };
  const unified = { ...(lifts("cpuWeight") && version2 ? { "cpu.weight": "100" } : {}), ...limits.unified };
  return {
    ...limits,
    ...(lifts("memory") ? { memory: { limit: -1 } } : {}),
    ...(lifts("pids") ? { pids: { limit: -1 } } : {}),
    ...(Object.keys(cpu).length === 0 ? {} : { cpu }),
    ...(Object.keys(unified).length === 0 ? {} : { unified }),
    ...(all.io === null || !isEnforced("io", host)
      ? {}
      : { blockIO: blockIoOf(unlimitedRest(all.io), host) }),
  };
}

/** 0 is no limit, also where one was set before. */
const unlimitedRest = ({ weight, devices }: Io): Io => ({
  weight,
  devices: Object.fromEntries(
    Object.entries(devices).map(([path, limits]) => [
      path,
      {
        readBps: limits.readBps ?? 0,
        writeBps: limits.writeBps ?? 0,
        readIops: limits.readIops ?? 0,
        writeIops: limits.writeIops ?? 0,
      },
    ]),
  ),
});

const memoryOf = (limit: number, swap: number | null) => ({
  limit,
  ...(swap === null ? {} : { swap: limit + swap }),
});

function cpuOf({ cpus, cpuWeight, cpuset }: Resources, { cgroup }: HostFacts): Pick<OciResources, "cpu"> {
  const cpu = {
    ...(cpus === null ? {} : { quota: Math.round(cpus * period), period }),
    ...(cpuWeight === null || cgroup.version === 2 ? {} : { shares: sharesOf(cpuWeight) }),
    ...(cpuset === null ? {} : { cpus: cpuset }),
  };
  return Object.keys(cpu).length === 0 ? {} : { cpu };
}

/** Version 1 counts in shares: weight 100 is 1024 shares. */
export const sharesOf = (weight: number): number => Math.max(2, Math.round((weight * 1024) / 100));

/** Weights in version 2's own scale: OCI has only version 1's. */
function unifiedOf({ cpuWeight, io }: Resources, { cgroup }: HostFacts): Record<string, string> {
  if (cgroup.version !== 2) return {};
  return {
    ...(cpuWeight === null ? {} : { "cpu.weight": String(cpuWeight) }),
    ...(io?.weight == null ? {} : { "io.weight": `default ${io.weight}` }),
  };
}

const directions = {
  throttleReadBpsDevice: "readBps",
  throttleWriteBpsDevice: "writeBps",
  throttleReadIOPSDevice: "readIops",
  throttleWriteIOPSDevice: "writeIops",
} as const satisfies Readonly<Partial<Record<keyof OciBlockIo, keyof IoLimits>>>;

function blockIoOf(io: Io, { cgroup }: HostFacts): OciBlockIo {
  const weight = io.weight === null || cgroup.version === 2 ? {} : { weight: blkioWeight(io.weight) };
  return { ...weight, ...throttles(io) };
}

/** Version 1's scale is 10 to 1000. */
export const blkioWeight = (weight: number): number => Math.min(1000, Math.max(10, Math.round(weight / 10)));

function throttles(io: Io): OciBlockIo {
  const result: OciBlockIo = {};
  for (const [key, name] of Object.entries(directions)) {
    const list = Object.entries(io.devices).flatMap(([path, limits]): OciThrottle[] => {
      const limit = limits[name];
      const numbers = deviceNumbers(path);
      return limit === null || numbers === null ? [] : [{ ...numbers, rate: limit }];
    });
    if (list.length > 0) result[key as keyof typeof directions] = list;
  }
  return result;
}

/** Of a block device; null: there is none at that path. */
export function deviceNumbers(path: string): { readonly major: number; readonly minor: number } | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isBlockDevice()) return null;
  return numbersOf(stats.rdev);
}
