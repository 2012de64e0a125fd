import { closeSync, fstatSync, openSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../../../host/errno.ts";
import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { locksPath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import { type LayerId, layerName } from "./layers.ts";

type Outcome<T> = Result<T, Problem>;

/** What this process is making right now, by lock. */
const running = new Map<string, Promise<unknown>>();

interface Work<T> {
  readonly signal: AbortSignal;
  readonly work: () => Promise<Outcome<T>>;
}

/**
 * Does `work` while nobody else on this machine works on the same digest (a layer's id, a blob, an
 * image). Who had to wait looks first whether it is there now: `work` begins with that question. The
 * lock is the kernel's, and free when this process ends, however it ends.
 */
export const withLayerLock = <T>(tools: Tools, id: LayerId, work: Work<T>): Promise<Outcome<T>> =>
  withLayerLocks(tools, [id], work);

/** The same for several at once. Everybody takes them in one order, or two could wait for each other. */
export async function withLayerLocks<T>(
  tools: Tools,
  ids: readonly LayerId[],
  { signal, work }: Work<T>,
): Promise<Outcome<T>> {
  const paths = [...new Set(ids)].map((id) => join(locksPath(tools.paths), layerName(tools, id))).sort();
  if (paths.length === 0) return work();
  // One open file a process: two of the same process would wait for each other.
  const before = paths.flatMap((path) => running.get(path) ?? []);
  const mine = Promise.all(before).then(() => locked(tools, paths, { signal, work }));
  const settled = mine.catch(() => undefined);
  for (const path of paths) running.set(path, settled);
  try {
    return await mine;
  } finally {
    for (const path of paths) if (running.get(path) === settled) running.delete(path);
  }
}

async function locked<T>(
  tools: Tools,
  paths: readonly string[],
  { signal, work }: Work<T>,
): Promise<Outcome<T>> {
  const descriptors = await take(tools, paths, signal);
  if (!descriptors.ok) return descriptors;
  try {
    return await work();
  } finally {
    descriptors.value.forEach(closeOne);
  }
}

async function take(
  tools: Tools,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Outcome<readonly number[]>> {
  for (;;) {
    const opened = openAll(tools, paths);
    if (!opened.ok) return opened;
    const taken = await tools.flock.wait(opened.value, signal);
    // Who held one may have removed its file (gc): then this is a lock on nothing.
    const still = paths.every((path, index) => isStill(path, opened.value[index]));
    if (taken.ok && taken.value && still) return opened;
    opened.value.forEach(closeOne);
    if (!taken.ok) return taken;
    if (!taken.value) return failure(interrupted);
  }
}

const closeOne = (descriptor: number): void => closeSync(descriptor);

function openAll(tools: Tools, paths: readonly string[]): Outcome<readonly number[]> {
  const descriptors: number[] = [];
  for (const path of paths) {
    const opened = open(tools, path);
    if (!opened.ok) {
      descriptors.forEach(closeOne);
      return opened;
    }
    descriptors.push(opened.value);
  }
  return success(descriptors);
}

function open({ paths }: Tools, path: string): Outcome<number> {
  try {
    trees.makeDirectory(locksPath(paths), 0o700);
    return success(openSync(path, "a", 0o600));
  } catch (error) {
    return failure({
      code: "state-not-writable",
      message: `${path} cannot be opened: ${reasonOf(error)}`,
      place: null,
      hint: "make room or set the permissions right; PAVLOS_HOME moves Pavlos's state elsewhere",
    });
  }
}

const isStill = (path: string, descriptor: number | undefined): boolean =>
  descriptor !== undefined && trees.stats(path)?.ino === fstatSync(descriptor).ino;

const interrupted: Problem = {
  code: "interrupted",
  message: "interrupted while another pavlos works on the same layer",
  place: null,
  hint: "run the command again",
};
