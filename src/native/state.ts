import type { Files } from "../host/files.ts";

/** What Pavlos reads of `<root>/<id>/state.json` (docs/pavlosc.md, "State"). */
export interface ContainerState {
  readonly id: string;
  readonly pid: number;
  /** Of /proc/PID/stat: with the pid it names a process for good. */
  readonly startTime: number;
  /** ISO 8601. */
  readonly created: string;
  /** Absolute path of the bundle; "" when unknown. */
  readonly bundle: string;
  /** By v1 controller, "" for version 2: absolute directory. */
  readonly cgroup: Readonly<Record<string, string>>;
  readonly supervisor: { readonly pid: number; readonly startTime: number } | null;
  readonly started: boolean;
}

/** Null: there is no such container (or its state is not readable as one). */
export function readContainerState(files: Files, root: string, id: string): ContainerState | null {
  const text = files.readText(`${root}/${id}/state.json`);
  if (text === null) return null;
  try {
    return asState(JSON.parse(text));
  } catch {
    // Not ours or damaged: as good as none; `stop` removes what is there.
    return null;
  }
}

/** Is this still the same process, and more than a zombie? */
export const isAlive = (
  files: Files,
  process: { readonly pid: number; readonly startTime: number },
): boolean => startTimeOf(files, process.pid) === process.startTime;

/** When a process began, in the kernel's ticks; null: there is none, or only a zombie. */
export function startTimeOf(files: Files, pid: number): number | null {
  const stat = files.readText(`/proc/${pid}/stat`);
  if (stat === null) return null;
  // The command's name may hold spaces and parentheses: fields count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? null : Number(fields[19]);
}

function asState(value: unknown): ContainerState | null {
  if (typeof value !== "object" || value === null) return null;
  const state = value as Readonly<Record<string, unknown>>;
  const { id, pid, startTime, created } = state;
  if (typeof id !== "string" || typeof pid !== "number" || typeof startTime !== "number") return null;
  return {
    id,
    pid,
    startTime,
    created: typeof created === "string" ? created : new Date(0).toISOString(),
    bundle: typeof state.bundle === "string" ? state.bundle : "",
    cgroup: (state.cgroup ?? {}) as Readonly<Record<string, string>>,
    supervisor: (state.supervisor ?? null) as ContainerState["supervisor"],
    started: state.started === true,
  };
}
