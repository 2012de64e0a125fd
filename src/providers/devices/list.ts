import { driverTreeOf } from "../../host/driver-tree.ts";
import type { GpuRow } from "../../model/gpus.ts";
import type { Cdi } from "../../oci/cdi.gen.ts";
import type { Tools } from "../tools.ts";
import { writeCdi } from "./cdi/write.ts";
import { detailsOf } from "./nvidia/details.ts";
import { lookForDriver } from "./nvidia/resolve.ts";
import { keyOf } from "./nvidia/select.ts";
import { reservations } from "./reservations.ts";

/** The GPUs of this machine, as the driver tells of them, and who uses them. */
export function listGpus(tools: Tools): readonly GpuRow[] {
  const tree = driverTreeOf(tools.env);
  const found = lookForDriver(tree, tools);
  if (found === null) return [];
  const details = detailsOf(tools, tree, found);
  const users = reservations(tools);
  const { driver } = found;
  return driver.gpus.map((gpu) => {
    const known = details.get(gpu.uuid ?? gpu.busId);
    const key = keyOf({ gpu, mig: null });
    return {
      index: gpu.index,
      uuid: gpu.uuid,
      name: gpu.model,
      busId: gpu.busId,
      minor: gpu.minor,
      memory: known?.memory ?? null,
      driver: driver.version,
      excluded: gpu.excluded,
      mig:
        gpu.mig?.map(({ index, gpuInstance, computeInstance }) => ({
          name: `${gpu.index}:${index}`,
          uuid: known?.mig[index] ?? null,
          gpuInstance,
          computeInstance,
        })) ?? null,
      usedBy: users
        .filter(({ gpus }) => gpus.some((used) => used === key || used.startsWith(`${key}/`)))
        .map(({ project, environment, exclusive }) => ({ project, environment, exclusive })),
    };
  });
}

/** A CDI file for other engines of what Pavlos found; null: there is no driver. */
export function cdiOfMachine(tools: Tools): Cdi | null {
  const tree = driverTreeOf(tools.env);
  const found = lookForDriver(tree, tools);
  if (found === null || found.driver.gpus.length === 0) return null;
  return writeCdi(tree, found);
}
