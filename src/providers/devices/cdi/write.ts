import { dirname, join } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import type { Cdi, CdiDevice, CdiEdits, CdiMount, CdiNode } from "../../../oci/cdi.gen.ts";
import type { Driver, DriverFiles, Gpu, MigDevice, Node } from "../nvidia/model.ts";

/** Directories that every loader looks into by itself. */
const usual = /^\/(usr\/)?lib(64|\/[a-z0-9_]+-linux-gnu)?$/;

/**
 * What was found as a CDI file, for engines that read such files. It needs no hook: what a hook would
 * link is mounted under each of its names, in the directories of the host. Pure but for the tree's root.
 */
export function writeCdi(
  tree: Pick<DriverTree, "root">,
  found: { readonly driver: Driver; readonly files: DriverFiles },
): Cdi {
  const { driver, files } = found;
  const node = nodeFor(tree.root);
  const whole = driver.gpus.filter(({ excluded }) => !excluded);
  const devices = whole.flatMap((gpu) => devicesOf(gpu, node));
  const all = [...new Map(devices.flatMap(nodesOf).map((one) => [one.path, one])).values()];
  const directories = [...new Set(files.libraries.map(({ path }) => dirname(path)))];
  const unusual = directories.filter((directory) => !usual.test(directory));
  const [first, ...rest] = [...devices, { name: "all", containerEdits: { deviceNodes: all } }];
  return {
    // The first version with names that begin with a digit and with paths of the host.
    cdiVersion: "0.5.0",
    kind: "nvidia.com/gpu",
    containerEdits: {
      env: [
        "NVIDIA_VISIBLE_DEVICES=void",
        ...(unusual.length > 0 ? [`LD_LIBRARY_PATH=${unusual.join(":")}`] : []),
      ],
      deviceNodes: driver.control.map(node),
      mounts: mountsOf(tree.root, files),
    },
    devices: [first ?? { name: "all", containerEdits: {} }, ...rest],
  };
}

const nodesOf = ({ containerEdits }: CdiDevice): readonly CdiNode[] => containerEdits.deviceNodes ?? [];

/** A GPU by its index and by its UUID; with MIG each part by `GPU:PART`. */
function devicesOf(gpu: Gpu, node: (node: Node) => CdiNode): readonly CdiDevice[] {
  const own = [gpu.node, ...gpu.drm].map(node);
  const device = (name: string, more: readonly Node[]): CdiDevice => ({
    name,
    containerEdits: { deviceNodes: [...own, ...more.map(node)] },
  });
  const whole: CdiEdits = { deviceNodes: own };
  if (gpu.mig !== null)
    return gpu.mig.map((part: MigDevice) => device(`${gpu.index}:${part.index}`, part.nodes));
  return [String(gpu.index), ...(gpu.uuid === null ? [] : [gpu.uuid])].map((name) => ({
    name,
    containerEdits: whole,
  }));
}

const nodeFor =
  (root: string) =>
  ({ path, major, minor }: Node): CdiNode => ({
    path,
    ...(root === "" ? {} : { hostPath: join(root, path) }),
    type: "c",
    major,
    minor,
    permissions: "rw",
  });

function mountsOf(root: string, { libraries, files }: DriverFiles): CdiMount[] {
  const options = ["ro", "nosuid", "nodev", "rbind", "rprivate"];
  const mount = (path: string, containerPath: string, own = options): CdiMount => ({
    hostPath: join(root, path),
    containerPath,
    options: own,
  });
  return [
    ...libraries
      .filter(({ capability }) => capability !== "compat32")
      .flatMap(({ path, file, links }) =>
        [file, ...links].map((name) => mount(path, join(dirname(path), name))),
      ),
    ...files.map(({ path, target, kind }) => {
      if (kind === "binary") return mount(path, `/usr/bin/${target}`);
      return mount(
        path,
        target,
        kind === "socket" ? ["nosuid", "nodev", "noexec", "rbind", "rprivate"] : options,
      );
    }),
  ];
}
