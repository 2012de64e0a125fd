import type { Environment } from "../../model/environment.ts";
import type { OciDeviceRule } from "../../oci/oci-runtime.gen.ts";
import { deviceRules, everyDevice } from "../../oci/system.ts";
import type { Contribution } from "../provider.ts";
import { type Attachment, deviceOf, rulesOf } from "./attachment.ts";

/** What the kernel's part of the driver tells about all GPUs, in every procfs. */
export const driverInProc = "/proc/driver/nvidia";

/** An attachment as a part of config.json. */
export function contributionOf(
  environment: Environment,
  attachment: Attachment,
  isRoot: boolean,
): Contribution {
  const { nodes, mounts, links, loader, compat, env, path, hooks, groups } = attachment;
  const drivers = { links, loader, ...(compat === null ? {} : { compat: compatOf(compat) }) };
  return {
    mounts,
    env,
    path,
    hooks,
    groups,
    devices: nodes.map(deviceOf),
    ...(isRoot && nodes.length > 0 ? { resources: { devices: allRules(environment, attachment) } } : {}),
    ...(links.length > 0 || loader.length > 0
      ? { annotations: { "io.pavlos.drivers": JSON.stringify(drivers) } }
      : {}),
  };
}

/** Where images have the libraries of CUDA's forward compatibility; without a driver: forget them. */
export const compatOf = (driver: string | null) => ({
  directory: "/usr/local/cuda/compat",
  ...(driver === null ? {} : { driver }),
});

/** linux.resources.devices as a whole. */
export function allRules({ security }: Environment, { nodes }: Attachment): readonly OciDeviceRule[] {
  return security.privileged ? everyDevice : [...deviceRules, ...rulesOf(nodes)];
}
