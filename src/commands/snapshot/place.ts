import { failure, type Result, success } from "../../model/result.ts";
import type { SnapshotRecord } from "../../model/snapshot.ts";
import type { Problem } from "../../model/source.ts";
import { listSnapshots, type SnapshotPlace } from "../../providers/rootfs/snapshots/store.ts";
import type { Lock } from "../../state/lock.ts";
import type { Invocation } from "../invocation.ts";
import { openMachineryOf, openTools } from "../session.ts";
import { findTarget, type Target } from "../target.ts";

type Problems = readonly Problem[];

/** One environment, and what works on its snapshots. */
export interface Opened {
  readonly target: Target;
  readonly place: SnapshotPlace;
  /** For what changes containers and records; shares the lock with pavlosc. */
  readonly machinery: Awaited<ReturnType<typeof openMachineryOf>>;
}

export async function openPlace(invocation: Invocation): Promise<Result<Opened, Problems>> {
  const [name = null] = invocation.args;
  const target = await findTarget(invocation, name);
  if (!target.ok) return target;
  const { project, record } = target.value;
  const tools = openTools(project);
  if (!tools.ok) return tools;
  const machinery = await openMachineryOf(invocation, project, tools.value);
  const place = { tools: tools.value, projectId: project.identity.id, name: record.name };
  return success({ target: target.value, place, machinery });
}

/** Its layer has to outlive a start. */
export function checkLayer({ target }: Opened): Problem | null {
  const { name, readonly, persist, rootfs } = target.record.spec;
  const direct = rootfs.kind === "path" && rootfs.mode === "direct";
  const why = readonly
    ? "its root is read-only"
    : direct
      ? "its root is used directly, without a layer"
      : persist
        ? null
        : "with `persist: false` it begins anew at each start";
  if (why === null) return null;
  return { code: "no-layer", message: `${name} has no writable layer to keep: ${why}`, place: null };
}

/** The snapshot of that name, or a problem that names those there are. */
export function chooseSnapshot(place: SnapshotPlace, wanted: string): Result<SnapshotRecord, Problems> {
  const all = listSnapshots(place);
  const found = all.find(({ name }) => name === wanted);
  if (found !== undefined) return success(found);
  const names = all.map(({ name }) => name).join(", ");
  const message = wanted === "" ? "which snapshot?" : `${place.name} has no snapshot \`${wanted}\``;
  return failure([
    {
      code: "unknown-snapshot",
      message,
      place: null,
      ...(names === "" ? {} : { expected: names }),
      hint: `\`pavlos snapshot list ${place.name}\` lists them`,
    },
  ]);
}

/** Runs work while nobody else changes the project. */
export async function whileLocked<T>(
  { machinery }: Opened,
  command: string,
  work: () => Promise<Result<T, Problem>>,
): Promise<Result<T, Problems>> {
  const { state, signal } = machinery;
  const waiting = (holder: string) => machinery.report({ kind: "lock-waiting", holder });
  const taken: Result<Lock, Problem> = await state.lock({ command, waiting, signal });
  if (!taken.ok) return failure([taken.failure]);
  try {
    const done = await work();
    return done.ok ? done : failure([done.failure]);
  } finally {
    taken.value.release();
  }
}
