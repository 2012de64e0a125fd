import type { Condition, Environment } from "../model/environment.ts";
import type { Event } from "../model/event.ts";
import type { Drift, InstanceRecord, Process } from "../model/instance.ts";
import type { AsideStep, DataLost } from "../model/plan.ts";
import type { ProjectIdentity } from "../model/project.ts";
import type { Result } from "../model/result.ts";
import type { Notice, Place, Places, Problem } from "../model/source.ts";

/**
 * What a provider does for reconcile/. One folder each under providers/; the registry
 * (providers/registry.ts) lists them in the order in which they contribute.
 *
 * Level-triggered: a provider is never told what happened, only asked to look (`observe`) and to
 * make things so. Every field that it declares is observed AND applied. All methods are idempotent
 * and take many environments at once where one system call or process can serve many.
 */
export interface Provider {
  readonly name: string;
  /** Canonical top-level fields that this provider owns: "resources", "rootfs". */
  readonly fields: readonly (keyof Environment)[];

  /**
   * Before any operation: can this machine do it? Changes nothing. Problems stop the apply as a
   * whole; notices (a limit that cannot be enforced here) are shown and it goes on.
   */
  check?(
    environments: readonly Checked[],
    context: Context,
  ): Promise<{ readonly problems: readonly Problem[]; readonly notices: readonly Notice[] }>;

  /** The kernel's view of what this provider applied: only what differs from the record. */
  observe?(
    instances: readonly Observed[],
    context: Context,
  ): Promise<ReadonlyMap<string, ReadonlyMap<string, Drift>>>;

  /**
   * Effects before the container exists (fetch, unpack, directories). Without `fresh` it must be
   * harmless while a container of this environment runs: a recreate calls it once so before the old
   * one is stopped, and again with `fresh` (drop the writable layer first) afterwards.
   */
  prepare?(
    environment: Environment,
    context: Context,
    options: { readonly fresh: boolean },
  ): Promise<Result<void, Problem>>;

  /**
   * What environments share (networks), for all that the project is going to have: called once before the
   * first container of a command is created or changed, and once when all is done. Without `up` nothing of
   * an environment runs. What nobody needs any more is removed. It may go on
   * meanwhile: see `settle`, and Contribution.ready.
   */
  gather?(present: readonly Present[], context: Context): Promise<Result<void, Problem>>;

  /**
   * Waits for what `gather` has left under way: as far as a container needs it that is about to start or was
   * changed, or to its end.
   */
  settle?(context: Context, until: "start" | "end"): Promise<Result<void, Problem>>;

  /** What this provider adds to the bundle of a container that is about to be created. Runs after prepare. */
  contribute?(environment: Environment, context: Context): Promise<Result<Contribution, Problem>>;

  /**
   * Why this provider's fields cannot be changed in the running container just now, in words; null: they
   * can. Changes nothing. Asked while planning: what stands in the way makes the change a restart.
   */
  obstacle?(environment: Environment, context: Context, container: Container): Promise<string | null>;

  /** Applies changed fields to the running container. A failure is answered by a restart. */
  change?(
    environment: Environment,
    fields: readonly string[],
    context: Context,
    container: Container,
  ): Promise<Result<void, Problem>>;

  /**
   * Keeps what `prepare` with `fresh` would drop, until the new container is certain; see AsideStep. The
   * record is that of what was there before.
   */
  aside?(record: InstanceRecord, step: AsideStep, context: Context): Promise<Result<void, Problem>>;

  /** What the user has written that removing these environments would lose; absent: nothing. */
  written?(records: readonly InstanceRecord[], context: Context): Promise<ReadonlyMap<string, DataLost>>;

  /**
   * Removes what this provider keeps for an environment, after its container is gone. The record and
   * then the environment's directory are removed last, by state/.
   */
  remove?(name: string, context: Context): Promise<Result<void, Problem>>;
}

export interface Checked {
  readonly environment: Environment;
  readonly places: Places;
  /** False when the environment exists already and this field set is unchanged. */
  readonly changed: boolean;
}

export interface Present {
  readonly environment: Environment;
  /** It runs, or is about to. */
  readonly up: boolean;
  /** Host pid of the init that runs and stays; null: none. */
  readonly pid: number | null;
}

export interface Observed {
  readonly record: InstanceRecord;
  readonly process: Process;
}

export interface Container {
  readonly id: string;
  /** Host pid of its init. */
  readonly pid: number;
  /** What it was made from, with the live changes since. */
  readonly applied: Environment;
}

/** What is the same for all calls of one command. */
export interface Context {
  readonly project: ProjectIdentity;
  /** Where a value was written, by environment and canonical path, for a Problem; null: not from a file. */
  readonly place: (environment: string, path: string) => Place | null;
  /** Reports progress and notices; never awaited. */
  readonly report: (event: Event) => void;
  readonly signal: AbortSignal;
}

/**
 * A provider's part of the bundle; launch/ joins the parts into config.json, in registry order.
 * Mounts are OCI mounts; one whose destination is "/" is the root filesystem itself and comes first.
 */
export interface Contribution {
  /** What the bundle names is still in the making: waited for before the container is made. */
  readonly ready?: Promise<Result<void, Problem>>;
  readonly mounts?: readonly OciMount[];
  /** Directories for the end of PATH, whoever sets it. */
  readonly path?: readonly string[];
  /** Programs of the host around the container's life; they get an empty environment. */
  readonly hooks?: readonly {
    readonly point: string;
    readonly path: string;
    readonly args: readonly string[];
    readonly timeout?: number;
  }[];
  /** Supplementary groups of the command, by number. */
  readonly groups?: readonly number[];
  /** Environment variables, below those of the file. */
  readonly env?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** linux.resources of config.json, merged by top-level key. */
  readonly resources?: Readonly<Record<string, unknown>>;
  /** linux.devices of config.json. */
  readonly devices?: readonly unknown[];
  /** Absolute path of the root when no mount at "/" makes it (rootfs.mode direct). */
  readonly rootPath?: string;
  /**
   * Namespaces that the container gets besides those of `isolation`; without a path a new one. A user
   * namespace takes the place of an own one and has the same mapping.
   */
  readonly namespaces?: readonly { readonly type: "network" | "user"; readonly path?: string }[];
  /** Absolute paths inside that nobody in the container sees, whatever `security.masks` says. */
  readonly maskedPaths?: readonly string[];
  /** Default working directory when the file names none. */
  readonly workdir?: string;
  /** Kept in record.provider[name]. */
  readonly keep?: unknown;
}

export interface OciMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
}

/**
 * The one special provider: it owns containers. reconcile/ calls it for create, start, stop and for
 * the state of processes; everything else it does as any provider.
 */
export interface Launcher {
  /** State of all containers of the project, by environment name, from the kernel. */
  processes(records: readonly InstanceRecord[], context: Context): Promise<ReadonlyMap<string, Process>>;
  /**
   * Keyed hashes of the secrets' current values, by environment and secret name, to compare with
   * record.secretHashes. A secret that cannot be read is left out (check says so).
   */
  secretHashes(
    environments: readonly Environment[],
    context: Context,
  ): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>>;
  /**
   * Containers of this project that no record names (a record was lost): ids. Known by their bundle
   * below the project's directory: another project's ids may begin with this one's.
   */
  strays(records: readonly InstanceRecord[], context: Context): Promise<readonly string[]>;
  /**
   * Writes bundles and creates containers, held before their command; one native call for all.
   * Answers by environment name. A container of that id from an earlier attempt is replaced.
   */
  create(
    requests: readonly CreateRequest[],
    context: Context,
  ): Promise<ReadonlyMap<string, Result<Created, Problem>>>;
  /** Runs one command inside; its last output lines are in the problem when it fails. */
  hook(
    environment: Environment,
    containerId: string,
    command: readonly string[],
    context: Context,
  ): Promise<Result<void, Problem>>;
  /** Answers by container id, as does `stop`. */
  start(
    containerIds: readonly string[],
    context: Context,
  ): Promise<ReadonlyMap<string, Result<void, Problem>>>;
  /**
   * Waits until another environment is as this one depends on it; what cannot come to pass any more is a
   * problem at once.
   */
  reach(other: Target, condition: Condition, context: Context): Promise<Result<void, Problem>>;
  /**
   * Waits until a container that was just started is healthy, where that is asked for, and has stayed up
   * for `grace` milliseconds; an end with success is fine. The problem has its last lines.
   */
  verify(target: Target, grace: number, context: Context): Promise<Result<void, Problem>>;
  /** The stop sequence, then removal of the container and its cgroup. Missing containers are fine. */
  stop(
    containerIds: readonly string[],
    context: Context,
  ): Promise<ReadonlyMap<string, Result<void, Problem>>>;
}

/** An environment whose container exists or existed. */
export type Target = Pick<InstanceRecord, "name" | "containerId" | "spec">;

export interface CreateRequest {
  readonly environment: Environment;
  readonly contributions: readonly Contribution[];
}

export interface Created {
  readonly containerId: string;
  readonly pid: number;
  readonly secretHashes: Readonly<Record<string, string>>;
}

/** For `pavlos run`: a container in the foreground, without a supervisor and without a record. */
export interface Foreground {
  /**
   * Writes the bundle (config.json, with `terminal` as asked; no supervise.json) into `directory`,
   * which is empty. The caller runs `pavlosc run --bundle` over it, and removes everything afterwards.
   */
  bundle(request: ForegroundRequest, context: Context): Promise<Result<void, Problem>>;
}

export interface ForegroundRequest extends CreateRequest {
  readonly containerId: string;
  /** Absolute path of the bundle's directory. */
  readonly directory: string;
  readonly terminal: boolean;
}
