import { type DriverTree, driverTreeOf } from "../../host/driver-tree.ts";
import { usePart } from "../../host/parts.ts";
import type { Environment } from "../../model/environment.ts";
import type { Gpus } from "../../model/gpus.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Notice } from "../../model/source.ts";
import { driversPath } from "../../state/paths.ts";
import type { Context } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { type Attachment, joined, nothing } from "./attachment.ts";
import { attachmentOfDevices } from "./cdi/apply.ts";
import { readSpecs } from "./cdi/read.ts";
import { findDevices } from "./cdi/resolve.ts";
import { attachNode } from "./nodes.ts";
import type { Place } from "./nvidia/attach.ts";
import { type Found, lookForDriver, type Prepared, resolveGpus } from "./nvidia/resolve.ts";

/** What only the provider of roots knows of one, as far as the store has it. */
export interface Root {
  /** Of its image: what that asks of the machine is in them. */
  readonly variables: Readonly<Record<string, string>>;
  /** Its trees, topmost first; none: the machine's own, or not there yet. */
  readonly layers: readonly string[];
}

export interface DeviceTools extends Tools {
  readonly rootOf?: (environment: Environment, context: Context) => Root;
}

/** Looks at the machine once for many environments. */
export interface Machine {
  readonly tree: DriverTree;
  readonly driver: () => Found | null;
  readonly specs: () => ReturnType<typeof readSpecs>;
  /** With the variables of the environment's file. */
  readonly root: (environment: Environment) => Root;
}

export interface Plan {
  readonly attachment: Attachment;
  /** What its mounts need. */
  readonly directories: readonly Prepared[];
  readonly notices: readonly Pick<Notice, "code" | "message" | "hint">[];
}

/** Why an environment cannot have its devices, and by which field. */
export interface Refused {
  readonly path: string;
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** GPUs of others, and those that the environment has. */
export interface Users {
  readonly used: ReadonlySet<string>;
  readonly own: ReadonlySet<string>;
}

export function lookAtMachine(tools: DeviceTools, context: Context): Machine {
  const tree = driverTreeOf(tools.env);
  let driver: Found | null | undefined;
  let specs: ReturnType<typeof readSpecs> | undefined;
  return {
    tree,
    root(environment) {
      const root = tools.rootOf?.(environment, context);
      return { variables: { ...root?.variables, ...environment.env }, layers: root?.layers ?? [] };
    },
    driver: () => {
      usePart("gpus");
      driver = driver === undefined ? lookForDriver(tree, tools) : driver;
      return driver;
    },
    specs: () => {
      specs ??= readSpecs(tree);
      return specs;
    },
  };
}

/** Does an environment have anything to do with devices? */
export const concerned = ({ gpus, devices }: Environment): boolean => gpus !== null || devices.length > 0;

/** All that an environment's devices and GPUs become. Changes nothing. */
export async function planOf(
  tools: Tools,
  machine: Machine,
  { environment, users }: { readonly environment: Environment; readonly users: Users },
): Promise<Result<Plan, Refused>> {
  const parts: Attachment[] = [];
  for (const [index, device] of environment.devices.entries()) {
    const path = `devices[${index}]`;
    const part =
      device.kind === "node" ? attachNode(machine.tree, device) : await attachCdi(machine, [device.name]);
    if (!part.ok) return failure({ path, ...part.failure });
    parts.push(part.value);
  }
  const gpus =
    environment.gpus === null
      ? success(none)
      : await attachGpus(tools, machine, { environment, gpus: environment.gpus, users });
  if (!gpus.ok) return failure({ path: "gpus", ...gpus.failure });
  parts.push(gpus.value.attachment);
  const [only = nothing, ...more] = parts;
  return success({ ...gpus.value, attachment: more.length === 0 ? only : joined(parts) });
}

const none: Plan = { attachment: nothing, directories: [], notices: [] };

async function attachGpus(
  tools: Tools,
  machine: Machine,
  {
    environment,
    gpus,
    users,
  }: { readonly environment: Environment; readonly gpus: Gpus; readonly users: Users },
): Promise<Result<Plan, Omit<Refused, "path">>> {
  const names = typeof gpus.want === "object" ? gpus.want.filter((name) => name.includes("/")) : [];
  const cdi = await attachCdi(machine, names);
  if (!cdi.ok) return cdi;
  const own = typeof gpus.want === "object" ? gpus.want.filter((name) => !name.includes("/")) : gpus.want;
  if (typeof own === "object" && own.length === 0) return success({ ...none, attachment: cdi.value });
  const resolved = resolveGpus(tools, machine.tree, {
    found: machine.driver(),
    request: {
      gpus: { ...gpus, want: own },
      place: placeIn(tools, machine, environment),
      ...machine.root(environment),
      masks: environment.security.masks && !environment.security.privileged,
      store: driversPath(tools.paths),
      ...users,
    },
  });
  if (!resolved.ok) return resolved;
  const { attachment, directory, notices } = resolved.value;
  return success({
    attachment: names.length === 0 ? attachment : joined([cdi.value, attachment]),
    directories: directory === null ? [] : [directory],
    notices,
  });
}

/** What can be put into the root of an environment. */
function placeIn({ host }: Tools, { tree }: Machine, { rootfs, readonly }: Environment): Place {
  if (rootfs.kind !== "host") return readonly ? "readonly" : "writable";
  if (tree.root === "") return "shared";
  return readonly || host.caller.uid !== 0 ? "closed" : "writable";
}

async function attachCdi(
  machine: Machine,
  names: readonly string[],
): Promise<Result<Attachment, Omit<Refused, "path">>> {
  if (names.length === 0) return success(nothing);
  const found = findDevices(await machine.specs(), names);
  return found.ok ? attachmentOfDevices(machine.tree, found.value) : found;
}
