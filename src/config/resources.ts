import type { Io, IoLimits, Resources, Ulimit } from "../model/environment.ts";
import type { EnvironmentInput } from "./schema.ts";
import { report, type Scope, textsAt } from "./scope.ts";
import { parseSize, roundSize } from "./sizes.ts";

type ResourcesInput = NonNullable<EnvironmentInput["resources"]>;

const defaultShm = 64 * 2 ** 20;
/** With less, not even the init starts. */
const smallestMemory = 4 * 2 ** 20;

/** The canonical limits; those that this machine cannot have are problems. */
export function resolveResources(scope: Scope, input: ResourcesInput = {}): Resources {
  const resources: Resources = {
    cpus: input.cpus ?? null,
    cpuset: textsAt(scope, ["resources", "cpuset"])[0] ?? null,
    cpuWeight: input.cpuWeight ?? null,
    memory: bytes(scope, ["memory"], input.memory),
    swap: bytes(scope, ["swap"], input.swap),
    pids: input.pids ?? null,
    io: input.io ? io(scope, input.io) : null,
    shm: bytes(scope, ["shm"], input.shm) ?? defaultShm,
    ulimits: ulimits(scope, input.ulimits ?? {}),
    oomScore: input.oomScore ?? null,
  };
  checkProcessors(scope, resources);
  checkMemory(scope, resources);
  return resources;
}

function bytes(scope: Scope, path: readonly string[], size: string | number | undefined): number | null {
  if (size === undefined || typeof size === "number") return size ?? null;
  const parsed = parseSize(size);
  if (parsed === null)
    report(scope, ["resources", ...path], {
      code: "wrong-value",
      message: `${size} is more than any machine has`,
      expected: "a size such as 512MiB",
    });
  return parsed;
}

function io(scope: Scope, input: NonNullable<ResourcesInput["io"]>): Io {
  const devices: Record<string, IoLimits> = {};
  for (const [device, limits] of Object.entries(input.devices ?? {})) {
    const path = ["io", "devices", device];
    if (scope.reader.stat(device) === null) {
      report(scope, ["resources", ...path], {
        code: "device-missing",
        message: `there is no device ${device}`,
        hint: "lsblk lists the disks of this machine",
      });
    }
    devices[device] = {
      readBps: bytes(scope, [...path, "readBps"], limits.readBps),
      writeBps: bytes(scope, [...path, "writeBps"], limits.writeBps),
      readIops: limits.readIops ?? null,
      writeIops: limits.writeIops ?? null,
    };
  }
  return { weight: input.weight ?? null, devices };
}

function ulimits(scope: Scope, input: NonNullable<ResourcesInput["ulimits"]>): Record<string, Ulimit> {
  const result: Record<string, Ulimit> = {};
  for (const [name, limit] of Object.entries(input)) {
    const { soft, hard } = typeof limit === "object" ? limit : { soft: limit, hard: limit };
    if (numeric(soft) > numeric(hard)) {
      report(scope, ["resources", "ulimits", name, "soft"], {
        code: "wrong-value",
        message: `soft (${soft}) is above hard (${hard})`,
        hint: "lower soft, or raise hard",
      });
    }
    result[name] = { soft, hard };
  }
  return result;
}

const numeric = (limit: number | "unlimited"): number =>
  limit === "unlimited" ? Number.POSITIVE_INFINITY : limit;

function checkProcessors(scope: Scope, { cpus, cpuset }: Resources): void {
  const available = scope.host.cpus;
  if (cpus !== null && cpus > available) {
    report(scope, ["resources", "cpus"], {
      code: "limit-above-machine",
      message: `${cpus} processors are more than this machine has (${available})`,
      expected: `at most ${available}`,
      hint: "lower it, or leave it out for no limit",
    });
  }
  for (const range of cpuset?.split(",") ?? []) {
    const [first = 0, last = first] = range.split("-").map(Number);
    if (first > last) {
      report(scope, ["resources", "cpuset"], {
        code: "wrong-value",
        message: `${range} goes backwards`,
        hint: `did you mean \`${last}-${first}\`?`,
      });
    } else if (last >= available) {
      report(scope, ["resources", "cpuset"], {
        code: "limit-above-machine",
        message: `there is no processor ${last} on this machine`,
        expected: available === 1 ? "0" : `numbers from 0 to ${available - 1}`,
      });
    }
  }
}

function checkMemory(scope: Scope, { memory }: Resources): void {
  if (memory === null) return;
  const available = scope.host.memory;
  if (memory > available) {
    report(scope, ["resources", "memory"], {
      code: "limit-above-machine",
      message: `${roundSize(memory)} of memory are more than this machine has (${roundSize(available)})`,
      expected: `at most ${roundSize(available)}`,
      hint: "lower it, or leave it out for no limit",
    });
  } else if (memory < smallestMemory) {
    report(scope, ["resources", "memory"], {
      code: "limit-too-small",
      message: `nothing can start with ${roundSize(memory)} of memory`,
      expected: `at least ${roundSize(smallestMemory)}`,
      hint: typeof memory === "number" && memory < 65536 ? `did you mean \`${memory}MiB\`?` : undefined,
    });
  }
}
