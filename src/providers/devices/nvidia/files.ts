import { join } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import type { GpuCapability } from "../../../model/gpus.ts";
import type { DriverFile } from "./model.ts";

const binaries: readonly (readonly [string, GpuCapability])[] = [
  ["nvidia-smi", "utility"],
  ["nvidia-debugdump", "utility"],
  ["nvidia-persistenced", "utility"],
  ["nvidia-cuda-mps-control", "compute"],
  ["nvidia-cuda-mps-server", "compute"],
];
const binaryDirectories = ["/usr/bin", "/usr/sbin", "/bin", "/usr/local/nvidia/bin", "/opt/bin"];

/** Directory, pattern of names. */
const configurations: readonly (readonly [string, RegExp])[] = [
  ["/usr/share/glvnd/egl_vendor.d", /^10_nvidia\.json$/],
  ["/usr/share/egl/egl_external_platform.d", /nvidia.*\.json$/],
  ["/usr/share/vulkan/icd.d", /^nvidia_.*\.json$/],
  ["/etc/vulkan/icd.d", /^nvidia_.*\.json$/],
  ["/usr/share/vulkan/implicit_layer.d", /^nvidia_layers\.json$/],
  ["/etc/vulkan/implicit_layer.d", /^nvidia_layers\.json$/],
  ["/usr/share/nvidia", /^nvoptix\.bin$/],
];

const sockets: readonly (readonly [string, GpuCapability])[] = [
  ["/run/nvidia-persistenced/socket", "utility"],
  ["/run/nvidia-fabricmanager/socket", "utility"],
  ["/tmp/nvidia-mps", "compute"],
];

/** Programs, configurations, firmware and sockets. */
export function findFiles(tree: DriverTree, version: string, kernel: string): readonly DriverFile[] {
  return [
    ...binaries.flatMap(([name, capability]) => binary(tree, name, capability)),
    ...configurations.flatMap(([directory, pattern]) =>
      tree.list(directory).flatMap((name) => {
        const target = join(directory, name);
        return pattern.test(name)
          ? existing(tree, target, { target, capability: "graphics", kind: "file" })
          : [];
      }),
    ),
    ...existing(tree, "/etc/OpenCL/vendors/nvidia.icd", {
      target: "/etc/OpenCL/vendors/nvidia.icd",
      capability: "compute",
      kind: "file",
    }),
    ...firmware(tree, version, kernel),
    ...sockets.flatMap(([path, capability]) => {
      const kind = tree.status(path)?.kind === "directory" ? "directory" : "socket";
      return existing(tree, path, { target: path, capability, kind });
    }),
  ];
}

function binary(tree: DriverTree, name: string, capability: GpuCapability): readonly DriverFile[] {
  for (const directory of binaryDirectories) {
    const [found] = existing(tree, join(directory, name), { target: name, capability, kind: "binary" });
    if (found !== undefined) return [found];
  }
  return [];
}

/** The first directory that has it, as the kernel looks for it. */
function firmware(tree: DriverTree, version: string, kernel: string): readonly DriverFile[] {
  const own = tree.text("/sys/module/firmware_class/parameters/path")?.trim() ?? "";
  const places = [
    ...(own === "" ? [] : [own]),
    `/lib/firmware/updates/${kernel}`,
    "/lib/firmware/updates",
    `/lib/firmware/${kernel}`,
    "/lib/firmware",
  ];
  for (const place of places) {
    const directory = `${place}/nvidia/${version}`;
    const names = tree.list(directory).filter((name) => /^gsp.*\.bin$/.test(name));
    if (names.length > 0)
      return names.flatMap((name) =>
        existing(tree, `${directory}/${name}`, {
          target: `/lib/firmware/nvidia/${version}/${name}`,
          capability: "utility",
          kind: "file",
        }),
      );
  }
  return [];
}

function existing(
  tree: DriverTree,
  path: string,
  file: Omit<DriverFile, "path" | "inode">,
): readonly DriverFile[] {
  const found = tree.find(path);
  return found === null ? [] : [{ path: found.path, inode: found.status.inode, ...file }];
}
