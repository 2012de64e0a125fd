import { join } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import type { Driver, DriverFile, DriverFiles, Gpu, Library } from "./model.ts";

const libraryDirectory = "/usr/lib/wsl/lib";
const driversDirectory = "/usr/lib/wsl/drivers";

/** WSL2: one device for all GPUs, numbered by Windows; the libraries come from there too. */
export function findWsl(tree: DriverTree): Driver | null {
  const dxg = tree.status("/dev/dxg");
  if (dxg?.kind !== "char" || tree.list(libraryDirectory).length === 0) return null;
  const gpu: Gpu = {
    index: 0,
    minor: 0,
    busId: "wsl",
    uuid: null,
    model: "GPUs of Windows",
    excluded: false,
    node: { path: "/dev/dxg", major: dxg.major, minor: dxg.minor },
    drm: [],
    mig: null,
  };
  return { kind: "wsl", version: "wsl", module: null, gpus: [gpu], control: [], imex: [] };
}

/** All that Windows gives: the thin libraries, and the driver's own store. */
export function wslFiles(tree: DriverTree): Omit<DriverFiles, "id"> {
  const names = tree.list(libraryDirectory);
  const inodeOf = (path: string) => tree.status(path)?.inode ?? 0;
  const libraries = names
    .filter((name) => /^lib.*\.so/.test(name))
    .map((file): Library => {
      const path = join(libraryDirectory, file);
      const utility = /^libnvidia-ml/.test(file);
      const capability = utility ? "utility" : "compute";
      return { file, path, inode: inodeOf(path), links: [], capability, bits: 64 };
    });
  const stores = tree.list(driversDirectory).filter((name) => /^nv/.test(name));
  const files: DriverFile[] = stores.map((name) => {
    const path = join(driversDirectory, name);
    return { path, inode: inodeOf(path), target: path, capability: "compute", kind: "directory" };
  });
  if (names.includes("nvidia-smi")) {
    const path = join(libraryDirectory, "nvidia-smi");
    files.push({ path, inode: inodeOf(path), target: "nvidia-smi", capability: "utility", kind: "binary" });
  }
  return { libraries, files, versions: [] };
}
