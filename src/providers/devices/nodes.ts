import type { DriverTree } from "../../host/driver-tree.ts";
import type { Device } from "../../model/gpus.ts";
import { failure, type Result, success } from "../../model/result.ts";
import { type AttachedNode, type Attachment, nothing } from "./attachment.ts";

type NodeDevice = Extract<Device, { readonly kind: "node" }>;

export interface DeviceRefusal {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** A device of the host by its path. */
export function attachNode(tree: DriverTree, device: NodeDevice): Result<Attachment, DeviceRefusal> {
  const status = tree.status(device.source);
  if (status === null)
    return failure({
      code: "device-missing",
      message: `there is no ${device.source}`,
      hint: "load its driver, or remove it from devices",
    });
  if (status.kind !== "char" && status.kind !== "block")
    return failure({
      code: "device-wrong",
      message: `${device.source} is no device`,
      hint: "use mounts for files and directories",
    });
  const node: AttachedNode = {
    type: status.kind === "char" ? "c" : "b",
    path: device.target,
    ...(tree.root === "" && device.source === device.target
      ? {}
      : { source: `${tree.root}${device.source}` }),
    major: status.major,
    minor: status.minor,
    fileMode: status.mode & 0o777,
    uid: status.uid,
    gid: status.gid,
    access: device.access,
  };
  return success({ ...nothing, nodes: [node] });
}
