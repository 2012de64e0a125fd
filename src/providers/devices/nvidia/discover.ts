import type { DriverTree } from "../../../host/driver-tree.ts";
import { fingerprintOf } from "../../../model/hash.ts";
import { findFiles } from "./files.ts";
import { findGpus } from "./gpus.ts";
import { findLibraries } from "./libraries.ts";
import type { Driver, DriverFiles, Node } from "./model.ts";
import { type Majors, parseDevices, parseVersion } from "./procfs.ts";
import { findTegra, tegraFiles } from "./tegra.ts";
import { findWsl, wslFiles } from "./wsl.ts";

/** The driver that is loaded, and its GPUs; null: there is none. Reads small files only. */
export function findDriver(tree: DriverTree): Driver | null {
  const loaded = parseVersion(tree.text("/proc/driver/nvidia/version") ?? "");
  if (loaded === null) return findWsl(tree) ?? findTegra(tree);
  const majors = parseDevices(tree.text("/proc/devices") ?? "");
  return {
    kind: "nvidia",
    ...loaded,
    gpus: findGpus(tree, majors),
    control: controlNodes(majors),
    imex: imexChannels(tree, majors),
  };
}

/** What of this driver is on the disk. */
export function findDriverFiles(
  tree: DriverTree,
  driver: Driver,
  machine: { readonly arch: "x64" | "arm64"; readonly kernel: string },
): DriverFiles {
  const found = filesOf(tree, driver, machine);
  return { ...found, id: fingerprintOf(JSON.stringify(found)) };
}

function filesOf(
  tree: DriverTree,
  driver: Driver,
  machine: { readonly arch: "x64" | "arm64"; readonly kernel: string },
): Omit<DriverFiles, "id"> {
  if (driver.kind === "wsl") return wslFiles(tree);
  if (driver.kind === "tegra") return tegraFiles(tree);
  const { libraries, versions } = findLibraries(tree, driver.version, machine.arch);
  return { libraries, versions, files: findFiles(tree, driver.version, machine.kernel) };
}

function controlNodes(majors: Majors): Driver["control"] {
  const major = majors("nvidia") ?? majors("nvidia-frontend") ?? 195;
  const uvm = majors("nvidia-uvm");
  const node = (path: string, minor: number, own = major): Node => ({ path, major: own, minor });
  return [
    { ...node("/dev/nvidiactl", 255), capability: "always" },
    { ...node("/dev/nvidia-modeset", 254), capability: "display" },
    ...(uvm === null
      ? []
      : ([
          { ...node("/dev/nvidia-uvm", 0, uvm), capability: "compute" },
          { ...node("/dev/nvidia-uvm-tools", 1, uvm), capability: "compute" },
        ] as const)),
  ];
}

function imexChannels(tree: DriverTree, majors: Majors): readonly Node[] {
  const major = majors("nvidia-caps-imex-channels");
  const directory = "/dev/nvidia-caps-imex-channels";
  if (major === null) return [];
  return tree.list(directory).flatMap((name) => {
    const [, number] = /^channel(\d+)$/.exec(name) ?? [];
    if (number === undefined) return [];
    return [{ path: `${directory}/${name}`, major, minor: Number(number) }];
  });
}
