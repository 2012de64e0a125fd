import type { Condition, Environment } from "./environment.ts";
import type { Impact } from "./impact.ts";
import type { InstanceRecord } from "./instance.ts";
import type { Place } from "./source.ts";

/** `stop` comes only from `pavlos stop`; a stopped or dead environment that is to run is a `restart`. */
export const actions = ["create", "record", "live", "restart", "recreate", "stop", "destroy"] as const;
export type Action = (typeof actions)[number];

/** One field that differs, three-way: last applied, live, wanted. */
export interface FieldChange {
  /** "resources.memory", "command[1]", "mounts". */
  readonly path: string;
  /** As last applied; undefined: was not there. */
  readonly from: unknown;
  /** Present only when the kernel disagrees with the record. */
  readonly live?: unknown;
  /** As wanted; undefined: is removed. */
  readonly to: unknown;
  readonly impact: Impact;
  readonly source: Place | null;
  /** "changed outside Pavlos"; absent for an ordinary change of the file. */
  readonly reason?: string;
}

/** What is to happen to one environment and why. */
export interface Change {
  readonly environment: string;
  readonly action: Action;
  /** The action repairs drift only: the file did not change. */
  readonly drift: boolean;
  readonly fields: readonly FieldChange[];
  /** Why, when no field says it: "killed", "exited with code 1", "stopped", "half-written record". */
  readonly reason?: string;
  /** What a recreate or destroy throws away; null when nothing of the user's is lost. */
  readonly dataLost: DataLost | null;
}

export interface DataLost {
  /** Bytes in the writable layer. */
  readonly bytes: number;
  /** ISO 8601: since when it collected them. */
  readonly since: string;
  /** Name of the snapshot that they go to; absent: they are gone. */
  readonly snapshot?: string;
}

/**
 * One step, as pure data. Each step is idempotent: run again after a crash at any moment it reaches
 * the same state. Executed in the order of `Plan.operations` within one environment; environments
 * are independent of each other.
 */
export type Operation =
  /** Make the root filesystem ready: fetch, unpack, prepare the writable layer. Nothing runs yet. */
  | {
      readonly kind: "prepare";
      readonly environment: string;
      readonly spec: Environment;
      readonly fresh: boolean;
    }
  /** Wait for another environment: as this one depends on it, or until it is out of the way (gone). */
  | {
      readonly kind: "await";
      readonly environment: string;
      readonly other: string;
      readonly condition: Condition | "gone";
    }
  /** What was started stays up for `grace` milliseconds, or ends well, and becomes healthy where that is asked. */
  | {
      readonly kind: "verify";
      readonly environment: string;
      readonly spec: Environment;
      readonly grace: number;
    }
  /** The old writable layer while it is not certain that the new container is good. */
  | { readonly kind: "aside"; readonly environment: string; readonly step: AsideStep }
  /** Write the bundle and create the container, held before its command. */
  | { readonly kind: "create"; readonly environment: string; readonly spec: Environment }
  /** Run the `created`, `started` or `stopping` hooks. */
  | {
      readonly kind: "hook";
      readonly environment: string;
      readonly spec: Environment;
      readonly point: "created" | "started" | "stopping";
    }
  /** Let the command run. */
  | { readonly kind: "start"; readonly environment: string; readonly spec: Environment }
  /** Change the running container. */
  | {
      readonly kind: "change";
      readonly environment: string;
      readonly spec: Environment;
      readonly fields: readonly string[];
    }
  /** The stop sequence, then remove the container; layers stay. */
  | {
      readonly kind: "stop";
      readonly environment: string;
      readonly spec: Environment | null;
      readonly containerId: string;
    }
  /** Write the record. */
  | {
      readonly kind: "record";
      readonly environment: string;
      readonly spec: Environment;
      readonly patch: Partial<InstanceRecord>;
    }
  /** Remove everything of the environment that is left in the state directory. */
  | { readonly kind: "remove"; readonly environment: string };

/**
 * keep: the layer goes aside, unless one lies there since an earlier attempt that was interrupted: that is the
 * good one. back: what lies aside takes the layer's place again. drop: the new one is good; what lies aside
 * becomes a snapshot where it was to persist, else it goes. Nothing there is fine for all of them.
 */
export type AsideStep = "keep" | "back" | "drop";

export interface Plan {
  /** Sorted by environment. Only those that change. */
  readonly changes: readonly Change[];
  /** All names of `changes`, such that nothing waits for what comes after it. */
  readonly order: readonly string[];
  /** By environment, in order. */
  readonly operations: ReadonlyMap<string, readonly Operation[]>;
  readonly summary: Readonly<Record<Action, number>>;
}
