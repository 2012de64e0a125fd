import { basename, dirname } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import type { Driver, DriverFile, DriverFiles, Gpu, Library, Node } from "./model.ts";

const listDirectory = "/etc/nvidia-container-runtime/host-files-for-container.d";

interface Line {
  readonly kind: "dev" | "dir" | "lib" | "sym";
  readonly path: string;
}

/** Tegra: what belongs to the driver is listed by the board's own packages. */
export function findTegra(tree: DriverTree): Driver | null {
  const lines = linesOf(tree);
  if (lines.length === 0) return null;
  const nodes = lines
    .filter(({ kind }) => kind === "dev")
    .flatMap(({ path }): readonly Node[] => {
      const status = tree.status(path);
      if (status?.kind !== "char") return [];
      return [{ path, major: status.major, minor: status.minor }];
    });
  const [first, ...rest] = nodes;
  if (first === undefined) return null;
  const release = tree.text("/etc/nv_tegra_release") ?? "";
  const version = /R(\d+).*REVISION: ([\d.]+)/.exec(release)?.slice(1).join(".") ?? "tegra";
  const gpu: Gpu = {
    index: 0,
    minor: 0,
    busId: "tegra",
    uuid: null,
    model: tree.text("/proc/device-tree/model")?.replace(/\0/g, "").trim() || "Tegra",
    excluded: false,
    node: first,
    drm: [],
    mig: null,
  };
  const control = rest.map((node) => ({ ...node, capability: "always" as const }));
  return { kind: "tegra", version, module: null, gpus: [gpu], control, imex: [] };
}

export function tegraFiles(tree: DriverTree): Omit<DriverFiles, "id"> {
  const lines = linesOf(tree);
  const libraries = lines
    .filter(({ kind }) => kind === "lib")
    .flatMap(({ path }): readonly Library[] => {
      const found = tree.find(path);
      if (found?.status.kind !== "file") return [];
      const { path: real, status } = found;
      const file = basename(path);
      const links = lines
        .filter((line) => line.kind === "sym" && dirname(line.path) === dirname(path))
        .filter((line) => tree.real(line.path) === real)
        .map((line) => basename(line.path));
      const { inode } = status;
      return [
        { file, path: real, inode, links: [...new Set(links)].sort(), capability: "compute", bits: 64 },
      ];
    });
  const files = lines
    .filter(({ kind }) => kind === "dir")
    .flatMap(({ path }): readonly DriverFile[] => {
      const status = tree.status(path);
      if (status?.kind !== "directory") return [];
      return [{ path, inode: status.inode, target: path, capability: "compute", kind: "directory" }];
    });
  return { libraries, files, versions: [] };
}

function linesOf(tree: DriverTree): readonly Line[] {
  return tree
    .list(listDirectory)
    .filter((name) => name.endsWith(".csv"))
    .flatMap((name) => (tree.text(`${listDirectory}/${name}`) ?? "").split("\n"))
    .flatMap((text) => {
      const [, kind, path] = /^\s*(dev|dir|lib|sym)\s*,\s*(\/\S+)\s*$/.exec(text) ?? [];
      return kind === undefined || path === undefined ? [] : [{ kind: kind as Line["kind"], path }];
    });
}
