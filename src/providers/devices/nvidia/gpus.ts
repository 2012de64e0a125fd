import type { DriverTree } from "../../../host/driver-tree.ts";
import type { Gpu, MigDevice, Node } from "./model.ts";
import { isNumber, type Majors, parseAccess, parseInformation, parseMigMinors } from "./procfs.ts";

const gpusPath = "/proc/driver/nvidia/gpus";

/** All GPUs in the order of their PCI addresses. Nothing is opened: that may take seconds. */
export function findGpus(tree: DriverTree, majors: Majors): readonly Gpu[] {
  const major = majors("nvidia") ?? majors("nvidia-frontend") ?? 195;
  // Hundreds of lines, for the few drivers that do not say it elsewhere.
  let minors: ReadonlyMap<string, number> | null = null;
  const minorOf = (name: string) => {
    minors ??= parseMigMinors(tree.text("/proc/driver/nvidia-caps/mig-minors") ?? "");
    return minors.get(name);
  };
  const capabilities = new Set(tree.list("/proc/driver/nvidia/capabilities"));
  return tree.list(gpusPath).flatMap((address, index): readonly Gpu[] => {
    const text = tree.text(`${gpusPath}/${address}/information`);
    if (text === null) return [];
    const { model, uuid, minor: told, excluded } = parseInformation(text);
    const minor = told ?? index;
    const busId = shortAddress(address);
    return [
      {
        index,
        minor,
        busId,
        uuid,
        model,
        excluded,
        node: { path: `/dev/nvidia${minor}`, major, minor },
        drm: drmNodes(tree, busId, majors("drm") ?? 226),
        mig: capabilities.has(`gpu${minor}`)
          ? migDevices(tree, { minor, major: majors("nvidia-caps"), minorOf })
          : null,
      },
    ];
  });
}

/** NVML writes a domain of eight digits, the kernel one of four. */
export function shortAddress(address: string): string {
  const lower = address.toLowerCase();
  return lower.startsWith("0000") && lower[8] === ":" ? lower.slice(4) : lower;
}

/** The number in the name is the minor: the kernel makes the one of the other. */
function drmNodes(tree: DriverTree, busId: string, major: number): readonly Node[] {
  return tree.list(`/sys/bus/pci/devices/${busId}/drm`).flatMap((name): readonly Node[] => {
    const kind = ["card", "renderD"].find((kind) => name.startsWith(kind));
    const minor = name.slice(kind?.length);
    if (kind === undefined || !isNumber(minor)) return [];
    return [{ path: `/dev/dri/${name}`, major, minor: Number(minor) }];
  });
}

interface MigSource {
  /** Of the GPU: capabilities are numbered by it. */
  readonly minor: number;
  /** Of nvidia-caps; null: the driver has none. */
  readonly major: number | null;
  /** Of a capability by its name in mig-minors. */
  readonly minorOf: (name: string) => number | undefined;
}

function migDevices(tree: DriverTree, source: MigSource): readonly MigDevice[] | null {
  const { major } = source;
  const path = `/proc/driver/nvidia/capabilities/gpu${source.minor}/mig`;
  const instances = numbered(tree.list(path), /^gi(\d+)$/);
  if (major === null || instances.length === 0) return null;
  const cap = (name: string): Node | null => {
    const minor =
      parseAccess(tree.text(`/proc/driver/nvidia/capabilities/${name.replace("/", "/mig/")}`) ?? "") ??
      source.minorOf(name);
    if (minor === undefined || minor === null) return null;
    return { path: `/dev/nvidia-caps/nvidia-cap${minor}`, major, minor };
  };
  const found = instances.flatMap((gi) =>
    numbered(tree.list(`${path}/gi${gi}`), /^ci(\d+)$/).flatMap((ci) => {
      const gpu = cap(`gpu${source.minor}/gi${gi}/access`);
      const compute = cap(`gpu${source.minor}/gi${gi}/ci${ci}/access`);
      if (gpu === null || compute === null) return [];
      return [{ gpuInstance: gi, computeInstance: ci, nodes: [gpu, compute] as const }];
    }),
  );
  return found.map((device, index) => ({ index, ...device }));
}

const numbered = (names: readonly string[], pattern: RegExp): readonly number[] =>
  names
    .flatMap((name) => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((left, right) => left - right);
