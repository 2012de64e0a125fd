import type { Files } from "../host/files.ts";
import { type HealthReport, healths } from "../model/instance.ts";

/** What Pavlos reads of the supervisor's status.json (docs/pavlosc.md, "Bundle"). */
export interface SupervisorStatus {
  readonly state: "running" | "waiting" | "ended" | "gave-up";
  readonly startedAt: string | null;
  /** Of the last run that ended. */
  readonly exitCode: number | null;
  readonly signal: number | null;
  readonly requested: boolean;
  readonly oom: boolean;
  /** Why it could not be made again. */
  readonly reason: string | null;
  readonly restarts: number;
  readonly health: HealthReport | null;
}

/** Null: there is none, or it is not the supervisor's (which writes it as a whole). */
export function readStatus(files: Files, path: string): SupervisorStatus | null {
  const text = files.readText(path);
  if (text === null) return null;
  try {
    return statusOf(JSON.parse(text) as Readonly<Record<string, unknown>>);
  } catch {
    // Damaged: as if it were not there.
    return null;
  }
}

const states = ["running", "waiting", "ended", "gave-up"] as const;

function statusOf(status: Readonly<Record<string, unknown>>): SupervisorStatus {
  const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
  const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
  return {
    // One without a state was written at an end.
    state: states.find((state) => state === status.state) ?? "ended",
    startedAt: text(status.startedAt),
    exitCode: number(status.exitCode),
    signal: number(status.signal),
    requested: status.requested === true,
    oom: status.oom === true,
    reason: text(status.reason),
    restarts: number(status.restarts) ?? 0,
    health: healthOf(status.health),
  };
}

function healthOf(value: unknown): HealthReport | null {
  if (typeof value !== "object" || value === null || !("status" in value)) return null;
  const status = healths.find((known) => known === value.status);
  const output = "output" in value && typeof value.output === "string" ? value.output : "";
  return status === undefined ? null : { status, output };
}
