/** A distribution that is installed from its packages; or `busybox`, the host's static one alone. */
export interface Bootstrap {
  readonly kind: "bootstrap";
  /** "busybox", or a release of Debian or Ubuntu: "bookworm", "noble". */
  readonly suite: string;
  /** How much of the distribution: mmdebstrap's word. */
  readonly variant: BootstrapVariant;
  /** On top of the variant; sorted, each once. */
  readonly packages: readonly string[];
  /** Address of the archive; null: the distribution's own. */
  readonly mirror: string | null;
}

export const bootstrapVariants = ["essential", "apt", "minbase", "buildd", "important", "standard"] as const;
export type BootstrapVariant = (typeof bootstrapVariants)[number];

/** One step of a build. Those that change files are a layer each, the others change what follows. */
export type Step = RunStep | CopyStep | PackagesStep | EnvStep | WorkdirStep | UserStep;

export interface RunStep {
  readonly kind: "run";
  /** argv. */
  readonly command: readonly string[];
  /** Absolute directories inside that are kept from build to build and are no part of the result; sorted. */
  readonly caches: readonly string[];
  /** Files in /run/secrets during the step, by name. */
  readonly secrets: Readonly<Record<string, StepSecret>>;
}

export interface StepSecret {
  readonly source:
    | { readonly kind: "env"; readonly variable: string }
    | { readonly kind: "file"; readonly path: string };
  /** A new text here runs the step again; the value itself never counts. */
  readonly version: string | null;
}

export interface CopyStep {
  readonly kind: "copy";
  /** Absolute path on the host: a file or a directory, whose entries are copied. */
  readonly from: string;
  /** Absolute path inside, or relative to the working directory. */
  readonly to: string;
  /** Of files; null: as they are. */
  readonly mode: number | null;
  /** `uid[:gid]` or `name[:group]` inside; null: root. */
  readonly owner: string | null;
  /** Patterns of what stays behind, after those of the directory's .dockerignore. */
  readonly ignore: readonly string[];
}

export interface PackagesStep {
  readonly kind: "packages";
  /** Sorted, each once. */
  readonly packages: readonly string[];
}

export interface EnvStep {
  readonly kind: "env";
  readonly env: Readonly<Record<string, string>>;
}

export interface WorkdirStep {
  readonly kind: "workdir";
  readonly path: string;
}

export interface UserStep {
  readonly kind: "user";
  readonly user: string;
}
