/** Parts of a driver, as NVIDIA names them. */
export const gpuCapabilities = [
  "compute",
  "utility",
  "video",
  "graphics",
  "display",
  "ngx",
  "compat32",
] as const;
export type GpuCapability = (typeof gpuCapabilities)[number];

/** Which GPUs an environment gets, and what of the driver. */
export interface Gpus {
  /** all; a count, free ones first; or selectors: index, UUID or prefix, PCI address, MIG name, CDI name. */
  readonly want: "all" | number | readonly string[];
  /** Bytes that each must have at least; null: any. */
  readonly memory: number | null;
  /** Part of the model's name; null: any. */
  readonly model: string | null;
  /** Such as ">=550"; null: any. */
  readonly driver: string | null;
  /** Of the compute capability, such as ">=8.0"; null: any. */
  readonly compute: string | null;
  /** Sorted, without repetition. */
  readonly capabilities: readonly GpuCapability[];
  /** Go on without when there are none. */
  readonly optional: boolean;
  readonly exclusive: boolean;
  readonly mode: "native" | "toolkit";
  /** Hide other GPUs in /proc/driver/nvidia. */
  readonly mask: boolean;
}

export type Device =
  | {
      readonly kind: "node";
      /** Absolute, on the host. */
      readonly source: string;
      /** Absolute, inside. */
      readonly target: string;
      readonly access: "r" | "w" | "rw";
    }
  /** vendor.com/class=name */
  | { readonly kind: "cdi"; readonly name: string };

/** One GPU of this machine, as `pavlos gpu --json` prints it. */
export interface GpuRow {
  /** Place in the order of PCI addresses. */
  readonly index: number;
  readonly uuid: string | null;
  readonly name: string;
  readonly busId: string;
  /** Of /dev/nvidiaN. */
  readonly minor: number;
  /** Bytes; null: nvidia-smi does not tell. */
  readonly memory: number | null;
  /** Version. */
  readonly driver: string;
  readonly excluded: boolean;
  /** Its parts; null: it is not divided. */
  readonly mig:
    | readonly {
        /** `0:1`, as `gpus` takes it. */
        readonly name: string;
        readonly uuid: string | null;
        readonly gpuInstance: number;
        readonly computeInstance: number;
      }[]
    | null;
  readonly usedBy: readonly {
    readonly project: string;
    readonly environment: string;
    readonly exclusive: boolean;
  }[];
}
