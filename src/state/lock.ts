import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { isFull, reasonOf } from "../host/errno.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";

export interface LockOptions {
  /** What this process is doing, for others that wait: "pavlos apply". */
  readonly command: string;
  /** Told once, before waiting: "pid 123, `pavlos apply`, since 10:00:00". */
  readonly waiting: (holder: string) => void;
  /** Ends the waiting. */
  readonly signal: AbortSignal;
}

/** Held until released or until this process ends, however it ends. */
export interface Lock {
  release(): void;
}

/**
 * Takes the flock on an open file: `try` at once (false: another has it), `wait` on several, one after the
 * other, until they are there or the signal is aborted (false). Node has no flock; state/flock.ts asks pavlosc, which locks the
 * open file description that both share.
 */
export interface Flock {
  try(descriptor: number): Result<boolean, Problem>;
  wait(descriptors: readonly number[], signal: AbortSignal): Promise<Result<boolean, Problem>>;
}

/** Takes one exclusive lock on `path`, whose content then names the holder. */
export type Locker = (path: string, options: LockOptions) => Promise<Result<Lock, Problem>>;

/** `hold` is told the descriptor while the lock is held, null afterwards: for processes that share it. */
export const makeLocker =
  (flock: Flock, hold: (descriptor: number | null) => void = () => undefined): Locker =>
  async (path, options) => {
    const taken = await takeLock(flock, path, options);
    if (!taken.ok) return taken;
    hold(taken.value);
    return success(lockOf(taken.value, hold));
  };

async function takeLock(flock: Flock, path: string, options: LockOptions): Promise<Result<number, Problem>> {
  for (;;) {
    const descriptor = openLock(path);
    if (typeof descriptor !== "number") return failure(descriptor);
    const taken = await takeDescriptor(flock, descriptor, options);
    if (!taken.ok) {
      closeSync(descriptor);
      return taken;
    }
    // Who held it before may have removed the directory: then this is a lock on nothing.
    if (isStill(path, descriptor)) {
      signHolder(descriptor, options.command);
      return success(descriptor);
    }
    closeSync(descriptor);
  }
}

function openLock(path: string): number | Problem {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o711 });
    return openSync(path, "a+", 0o600);
  } catch (error) {
    return {
      code: "state-not-writable",
      message: `${path} cannot be opened: ${reasonOf(error)}`,
      place: null,
      hint: "make room or set the permissions right; PAVLOS_HOME moves Pavlos's state elsewhere",
    };
  }
}

async function takeDescriptor(
  flock: Flock,
  descriptor: number,
  options: LockOptions,
): Promise<Result<void, Problem>> {
  const first = flock.try(descriptor);
  if (!first.ok) return first;
  if (first.value) return success(undefined);
  options.waiting(describeHolder(readFileSync(`/proc/self/fd/${descriptor}`, "utf8")));
  const second = await flock.wait([descriptor], options.signal);
  if (!second.ok) return second;
  if (second.value) return success(undefined);
  return failure({
    code: "interrupted",
    message: "interrupted while another pavlos holds the project's lock",
    place: null,
    hint: "nothing was changed; run the command again",
  });
}

function isStill(path: string, descriptor: number): boolean {
  const here = statSync(path, { throwIfNoEntry: false });
  return here !== undefined && here.ino === fstatSync(descriptor).ino;
}

/** pid and start time name a process; a pid alone may be another by now. */
function signHolder(descriptor: number, command: string): void {
  const fields = readFileSync("/proc/self/stat", "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  const holder = {
    pid: process.pid,
    startTime: Number(fields[19]),
    command,
    since: new Date().toISOString(),
  };
  ftruncateSync(descriptor, 0);
  try {
    writeSync(descriptor, `${JSON.stringify(holder)}\n`);
  } catch (error) {
    // The lock is held all the same; only nobody can say by whom.
    if (!isFull(error)) throw error;
  }
}

function lockOf(descriptor: number, hold: (descriptor: number | null) => void): Lock {
  let held = true;
  return {
    release() {
      // Closing twice would close what has the number by then.
      if (!held) return;
      held = false;
      hold(null);
      ftruncateSync(descriptor, 0);
      closeSync(descriptor);
    },
  };
}

/** The file is empty for a moment after the lock was taken: then nobody is named. */
export function describeHolder(text: string): string {
  try {
    const holder: unknown = JSON.parse(text);
    if (
      typeof holder === "object" &&
      holder !== null &&
      "pid" in holder &&
      "command" in holder &&
      "since" in holder
    )
      return `pid ${holder.pid}, \`${holder.command}\`, since ${String(holder.since).slice(11, 19)} UTC`;
  } catch {
    // Half-written: the holder is signing right now.
  }
  return "another pavlos";
}
