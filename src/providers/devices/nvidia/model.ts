import type { GpuCapability } from "../../../model/gpus.ts";

/** A device node as the driver numbers it; whether the host has it at this path is another matter. */
export interface Node {
  readonly path: string;
  readonly major: number;
  readonly minor: number;
}

/** One GPU as /proc/driver/nvidia tells of it, without opening it. */
export interface Gpu {
  /** Position in the order of PCI addresses: what nvidia-smi calls index. */
  readonly index: number;
  /** Of /dev/nvidiaN: not the index. */
  readonly minor: number;
  /** With a domain of four digits: 0000:1a:00.0 */
  readonly busId: string;
  /** null: not known before somebody opens it for the first time. */
  readonly uuid: string | null;
  readonly model: string;
  /** The administrator has taken it out of service. */
  readonly excluded: boolean;
  readonly node: Node;
  /** /dev/dri nodes. */
  readonly drm: readonly Node[];
  /** Null: MIG is off. */
  readonly mig: readonly MigDevice[] | null;
}

/** A compute instance of a part of a GPU. */
export interface MigDevice {
  /** Position on its GPU: `0:1` is the second of GPU 0. */
  readonly index: number;
  readonly gpuInstance: number;
  readonly computeInstance: number;
  /** Capability nodes: of the GPU instance and of the compute instance. */
  readonly nodes: readonly [Node, Node];
}

export interface Library {
  /** libcuda.so.580.65.06 */
  readonly file: string;
  /** In the driver's tree, without links. */
  readonly path: string;
  /** Which file it is: another one at the same path is another library. */
  readonly inode: number;
  /** Names under which it is looked for: libcuda.so.1, libcuda.so. */
  readonly links: readonly string[];
  readonly capability: GpuCapability;
  readonly bits: 64 | 32;
}

/** A file, directory or socket that keeps its place. */
export interface DriverFile {
  readonly path: string;
  readonly inode: number;
  readonly target: string;
  readonly capability: GpuCapability;
  readonly kind: "file" | "socket" | "directory" | "binary";
}

export interface Driver {
  readonly kind: "nvidia" | "wsl" | "tegra";
  /** Of the loaded module; WSL and Tegra: of the libraries. "580.65.06" */
  readonly version: string;
  readonly module: "open" | "proprietary" | null;
  readonly gpus: readonly Gpu[];
  /** nvidiactl, uvm, modeset: by what needs them. */
  readonly control: readonly (Node & { readonly capability: GpuCapability | "always" })[];
  readonly imex: readonly Node[];
}

/** What of the driver is on the disk. */
export interface DriverFiles {
  /** Of all that follows. */
  readonly id: string;
  readonly libraries: readonly Library[];
  readonly files: readonly DriverFile[];
  /** Versions of the driver for which libcuda is there: one that differs from the module's is a mismatch. */
  readonly versions: readonly string[];
}
