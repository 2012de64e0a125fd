import type { DriverTree } from "../../../host/driver-tree.ts";
import type { Gpus } from "../../../model/gpus.ts";
import type { Tools } from "../../tools.ts";
import type { Attachment } from "../attachment.ts";
import type { Driver, Node } from "./model.ts";

interface Wanted {
  readonly attachment: Attachment;
  readonly gpus: Gpus;
  readonly driver: Driver;
}

interface Absence {
  readonly code: "device-missing";
  readonly message: string;
  readonly hint: string;
}

/** By what was made of one look at the machine: that is looked at once. */
const known = new WeakMap<Attachment, Absence | null>();

/** A user can only show nodes that are there; root has them made inside by their numbers. */
export function absentNode(tools: Pick<Tools, "host">, tree: DriverTree, wanted: Wanted): Absence | null {
  const there = known.get(wanted.attachment);
  if (there !== undefined) return there;
  const absent = lookForAbsent(tools, tree, wanted);
  known.set(wanted.attachment, absent);
  return absent;
}

function lookForAbsent(
  { host }: Pick<Tools, "host">,
  tree: DriverTree,
  { attachment, gpus, driver }: Wanted,
): Absence | null {
  const hasUvm = driver.control.some(({ path }) => path.endsWith("uvm"));
  if (driver.kind === "nvidia" && gpus.capabilities.includes("compute") && !hasUvm)
    return {
      code: "device-missing",
      message: "the module nvidia-uvm, without which nothing is computed, is not loaded",
      hint: "sudo nvidia-modprobe -u -c 0 (or sudo modprobe nvidia-uvm)",
    };
  if (host.caller.uid === 0) return null;
  const attached = new Set(attachment.nodes.map(({ path }) => path));
  const absent = nodesBy(driver).find(({ node }) => attached.has(node.path) && !isThere(tree, node));
  if (absent === undefined) return null;
  const { path, major, minor } = absent.node;
  return {
    code: "device-missing",
    message: `the node ${path} (${major}:${minor}) is not there`,
    hint: `sudo nvidia-modprobe ${absent.made}`,
  };
}

function isThere(tree: DriverTree, { path, major, minor }: Node): boolean {
  const status = tree.status(path);
  return status?.kind === "char" && status.major === major && status.minor === minor;
}

/** All nodes of a driver, with what nvidia-modprobe makes them by. */
function nodesBy({ gpus, control }: Driver): readonly { readonly node: Node; readonly made: string }[] {
  return [
    ...gpus.flatMap((gpu) => [
      { node: gpu.node, made: `-c ${gpu.minor}` },
      ...(gpu.mig ?? []).flatMap(({ gpuInstance, computeInstance, nodes: [whole, part] }) => {
        const directory = `/proc/driver/nvidia/capabilities/gpu${gpu.minor}/mig/gi${gpuInstance}`;
        return [
          { node: whole, made: `-f ${directory}/access` },
          { node: part, made: `-f ${directory}/ci${computeInstance}/access` },
        ];
      }),
      ...gpu.drm.map((node) => ({ node, made: "-m (and modprobe nvidia-drm)" })),
    ]),
    ...control.map((node) => ({ node, made: controlOption(node) })),
  ];
}

function controlOption({ path, minor }: Node): string {
  if (path.includes("uvm")) return "-u -c 0";
  return path.endsWith("modeset") ? "-m" : `-c ${minor}`;
}
