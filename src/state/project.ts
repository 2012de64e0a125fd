import type { InstanceRecord, Leftover } from "../model/instance.ts";
import type { Result } from "../model/result.ts";
import type { Problem } from "../model/source.ts";

/** The state directory of one project. All paths that it touches are below it. */
export interface ProjectState {
  /** Every record, sorted by name, and what is there without a readable one. */
  readRecords(): { readonly records: readonly InstanceRecord[]; readonly leftovers: readonly Leftover[] };
  /** Atomic. `durable` survives a power cut: for what must not be lost, at the end of a change. */
  writeRecord(record: InstanceRecord, options: { readonly durable: boolean }): Promise<void>;
  /** Removes an environment's directory, its record last. Providers have removed theirs before. */
  removeEnvironment(name: string): Promise<Result<void, Problem>>;
  /** The project's lock; `waiting` is told who holds it, once, when it has to wait. */
  lock(options: LockOptions): Promise<Result<Lock, Problem>>;
  /** Only while the lock is held. */
  readonly journal: Journal;
}

export interface LockOptions {
  /** What this process is doing, for others that wait: "pavlos apply". */
  readonly command: string;
  readonly waiting: (holder: string) => void;
  readonly signal: AbortSignal;
}

export interface Lock {
  release(): void;
}

export interface Journal {
  /** Environments whose last journaled operation did not finish, and what that was. */
  unfinished(): ReadonlyMap<string, string>;
  intend(environment: string, operation: string): void;
  finish(environment: string, operation: string, failure: string | null): void;
  /** Everything is settled: starts the file anew. */
  clear(): void;
}
