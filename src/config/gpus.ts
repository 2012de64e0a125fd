import { type Device, type GpuCapability, type Gpus, gpuCapabilities } from "../model/gpus.ts";
import type { EnvironmentInput } from "./schema.ts";
import { insidePath, report, type Scope, textsAt } from "./scope.ts";
import { parseSize } from "./sizes.ts";

/** vendor/class=device, as CDI names devices. */
const cdiName = /^[A-Za-z0-9][A-Za-z0-9._-]*\/[A-Za-z][A-Za-z0-9_-]*=[A-Za-z0-9][A-Za-z0-9._:-]*$/;

type GpusInput = NonNullable<EnvironmentInput["gpus"]>;
type Long = Extract<GpusInput, { readonly mask?: unknown }>;

/** The canonical GPUs; null: none. */
export function resolveGpus(scope: Scope, input: EnvironmentInput["gpus"]): Gpus | null {
  if (input === undefined || input === "none" || input === 0) return null;
  if (input === "all" || typeof input === "number") return gpus(scope, input, {});
  if (Array.isArray(input)) return gpus(scope, textsAt(scope, ["gpus"]), {});
  const long = input as Long;
  if (long.ids !== undefined && typeof long.count === "number" && long.count > long.ids.length)
    report(scope, ["gpus", "count"], {
      code: "wrong-value",
      message: `${long.count} GPUs cannot be chosen from ${long.ids.length} ids`,
      expected: "a count up to the number of ids",
    });
  const ids = textsAt(scope, ["gpus", "ids"]);
  const named = typeof long.count === "number" ? ids.slice(0, long.count) : ids;
  return gpus(scope, ids.length > 0 ? named : (long.count ?? "all"), long);
}

function gpus(scope: Scope, want: Gpus["want"], long: Long): Gpus {
  if (Array.isArray(want) && new Set(want).size < want.length)
    report(scope, ["gpus"], {
      code: "gpu-twice",
      message: "a GPU is named twice",
      hint: "name each once",
    });
  return {
    want,
    memory: memoryOf(long.memory),
    model: long.model ?? null,
    driver: long.driver === undefined ? null : String(long.driver),
    compute: computeOf(scope, long),
    capabilities: capabilitiesOf(long.capabilities ?? ["compute", "utility"]),
    optional: long.optional ?? false,
    exclusive: long.exclusive ?? false,
    mode: long.mode ?? "native",
    mask: long.mask ?? true,
  };
}

/** As it was written: 8.0 stays that. */
const computeOf = (scope: Scope, long: Long): string | null =>
  long.compute === undefined ? null : (textsAt(scope, ["gpus", "compute"])[0] ?? String(long.compute));

const memoryOf = (memory: string | number | undefined): number | null =>
  typeof memory === "string" ? parseSize(memory.replace(/^>= ?/, "")) : (memory ?? null);

function capabilitiesOf(input: readonly (GpuCapability | "all")[]): readonly GpuCapability[] {
  // compat32 needs a root with 32-bit libraries: only who names it gets it.
  const all = gpuCapabilities.filter((name) => name !== "compat32");
  return [...new Set(input.flatMap((name) => (name === "all" ? all : [name])))].sort();
}

/** The canonical devices, in the order of the file. */
export function resolveDevices(scope: Scope, input: EnvironmentInput["devices"]): readonly Device[] {
  const devices = (input ?? []).flatMap((entry, index): readonly Device[] => {
    if (typeof entry === "string" && cdiName.test(entry)) return [{ kind: "cdi", name: entry }];
    const long = typeof entry === "string" ? short(entry) : entry;
    return node(scope, index, long);
  });
  const keys = devices.map((device) => (device.kind === "cdi" ? device.name : device.target));
  const twice = keys.findIndex((key, index) => keys.indexOf(key) !== index);
  if (twice >= 0)
    report(scope, ["devices", twice], {
      code: "device-twice",
      message: `${keys[twice]} is there twice`,
      hint: "name each once",
    });
  return devices;
}

interface Written {
  readonly source: string;
  readonly target?: string | undefined;
  readonly access?: "r" | "w" | "rw" | undefined;
}

function short(text: string): Written {
  const [source = "", target, access] = text.split(":");
  return { source, target, access: access as Written["access"] };
}

function node(scope: Scope, index: number, written: Written): readonly Device[] {
  const source = insidePath(scope, written.source);
  const target = insidePath(scope, written.target ?? written.source);
  const access = written.access ?? "rw";
  const isDevice = (path: string | null): path is string => path?.startsWith("/dev/") ?? false;
  if (isDevice(source) && isDevice(target) && /^(r|w|rw)$/.test(access))
    return [{ kind: "node", source, target, access }];
  report(scope, ["devices", index], {
    code: "wrong-device",
    message: `"${written.source}" is no device`,
    expected: "a path below /dev, /dev/name:/dev/inside[:r|w|rw], or vendor.com/class=name",
  });
  return [];
}
