import type { Environment } from "./environment.ts";

/**
 * What Pavlos wrote down of an environment that it made: the memory between two applies. On disk
 * as record.json, with `version` first; a record of another version is reported, never guessed at.
 */
export interface InstanceRecord {
  readonly version: 1;
  readonly name: string;
  /** The canonical spec as last applied. Secrets appear as sources, never as values. */
  readonly spec: Environment;
  /** Id of the container for pavlosc: `<project id>-<name>`. */
  readonly containerId: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** The user asked for `stop`: apply starts it, watch leaves it. */
  readonly stopped: boolean;
  /** `created` hooks have run to their end in this container. */
  readonly hooked: boolean;
  /** Secrets by name: a keyed hash of the value at the last start, so that a new value is seen. */
  readonly secretHashes: Readonly<Record<string, string>>;
  /**
   * Work that an apply began and has not finished; null once it is. Written before the first effect,
   * so that whatever a crash leaves behind is owned by a record and repaired by the next apply.
   */
  readonly pending: Pending | null;
  /** What providers want to find again, by provider name (layer digests, host facts). */
  readonly provider: Readonly<Record<string, unknown>>;
}

export interface Pending {
  /**
   * create, destroy: the writable layer is in an unknown state. restart, live: it is intact. recreate: it
   * is intact, where it was or aside. tidy: all is done, only what lies aside is to be removed.
   */
  readonly action: "create" | "live" | "restart" | "recreate" | "destroy" | "tidy";
  /** Paths that a live change was about to set: they are set again. Empty for other actions. */
  readonly fields: readonly string[];
}

/** starting: created, its command is still held. */
export const statuses = ["running", "starting", "unhealthy", "stopped", "failed", "missing"] as const;
export type Status = (typeof statuses)[number];

/** What the kernel says of a container right now. */
export interface Process {
  readonly status: Status;
  /** Host pid of the container's init; null when nothing runs. */
  readonly pid: number | null;
  /** ISO 8601; null when it never started. */
  readonly startedAt: string | null;
  /** Of the last run, 128 + n after signal n; null while running or never started. */
  readonly exitCode: number | null;
  /** The last run ended by a signal that `stop` did not send, or its supervisor died. */
  readonly killed: boolean;
  /**
   * The last run ended because somebody asked the supervisor for the stop sequence: `pavlos stop`, or
   * the machine's shutdown when the record says nothing of a stop.
   */
  readonly requested?: boolean;
  /** Its init has ended; how, its supervisor is just writing down. */
  readonly ending?: boolean;
  /** As the supervisor's last check found it; absent: nobody looks. */
  readonly health?: HealthReport;
  /** Starts by the supervisor after ends that nobody asked for. */
  readonly restarts?: number;
  /** It has ended, and its supervisor starts it again in a moment. */
  readonly waits?: boolean;
  /** It has failed so often that its supervisor starts it no more. */
  readonly gaveUp?: boolean;
  /** In the last run that ended the kernel killed something for want of memory. */
  readonly oom?: boolean;
}

export const healths = ["starting", "healthy", "unhealthy"] as const;

export interface HealthReport {
  readonly status: (typeof healths)[number];
  /** The last of what the last check said. */
  readonly output: string;
}

/** One environment as it is: the record joined with the kernel's truth. */
export interface Instance {
  readonly name: string;
  readonly record: InstanceRecord;
  readonly process: Process;
  /**
   * Live values that differ from what the record says, by canonical path ("resources.pids"):
   * drift. Providers fill it in; empty when nothing drifted.
   */
  readonly drift: ReadonlyMap<string, Drift>;
}

export interface Drift {
  /** The live value as data, for display and comparison; undefined: gone. */
  readonly live: unknown;
  /** "changed outside Pavlos", "the driver was updated". */
  readonly reason: string;
  /** What the repair costs when the field's own impact is not right for it. */
  readonly impact?: "live" | "restart" | "recreate";
}

/** What this project left without a readable record: a half-written or foreign one, a stray container. */
export interface Leftover {
  readonly name: string;
  /** What is wrong with it, for the user. */
  readonly reason: string;
  /** apply may clear it away by itself (nothing of the user's is in it). */
  readonly removable: boolean;
  /** A container of this id exists; null: only files. */
  readonly containerId: string | null;
}

/** The actual state of a project. */
export interface Actual {
  /** Sorted by name. */
  readonly instances: readonly Instance[];
  readonly leftovers: readonly Leftover[];
}
