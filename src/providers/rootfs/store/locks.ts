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

/**
 * Does `work` while nobody else on this machine works on the same digest (a layer's id, a blob, an
 * image). Who had to wait looks first whether it is there now: `work` begins with that question. The
 * lock is the kernel's, and free when this process ends, however it ends.
 */
export async function withLayerLock<T>(
  tools: Tools,
  id: LayerId,
  { signal, work }: { readonly signal: AbortSignal; readonly work: () => Promise<Outcome<T>> },
): Promise<Outcome<T>> {
  const path = join(locksPath(tools.paths), layerName(tools, id));
  // One open file a process: two of the same process would wait for each other.
  const before = running.get(path) ?? Promise.resolve();
  const mine = before.then(() => locked(tools, path, { signal, work }));
  const settled = mine.catch(() => undefined);
  running.set(path, settled);
  try {
    return await mine;
  } finally {
    if (running.get(path) === settled) running.delete(path);
  }
}

async function locked<T>(
  tools: Tools,
  path: string,
  { signal, work }: { readonly signal: AbortSignal; readonly work: () => Promise<Outcome<T>> },
): Promise<Outcome<T>> {
  const descriptor = await take(tools, path, signal);
  if (!descriptor.ok) return descriptor;
  try {
    return await work();
  } finally {
    closeSync(descriptor.value);
  }
}

async function take(tools: Tools, path: string, signal: AbortSignal): Promise<Outcome<number>> {
  for (;;) {
    const descriptor = open(tools, path);
    if (!descriptor.ok) return descriptor;
    const taken = await tools.flock.wait(descriptor.value, signal);
    // Who held it may have removed the file (gc): then this is a lock on nothing.
    const valid = taken.ok && taken.value && isStill(path, descriptor.value);
    if (valid) return descriptor;
    closeSync(descriptor.value);
    if (!taken.ok) return taken;
    if (!taken.value) return failure(interrupted);
  }
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

const isStill = (path: string, descriptor: number): boolean =>
  trees.stats(path)?.ino === fstatSync(descriptor).ino;

const interrupted: Problem = {
  code: "interrupted",
  message: "interrupted while another pavlos works on the same layer",
  place: null,
  hint: "run the command again",
};
