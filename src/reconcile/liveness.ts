import type { Instance, Process } from "../model/instance.ts";

/** Does an environment run as it should? */
export type Liveness =
  | { readonly kind: "up" }
  /** Its command came to its end by itself, with success: nothing to repair. */
  | { readonly kind: "done" }
  | {
      readonly kind: "down";
      readonly why: "stopped" | "killed" | "exited" | "missing";
      readonly reason: string;
    };

export function livenessOf(instance: Instance): Liveness {
  const { record, process } = instance;
  if (record.stopped) return { kind: "down", why: "stopped", reason: "stopped by pavlos stop" };
  switch (process.status) {
    case "running":
    case "unhealthy":
      return { kind: "up" };
    case "starting":
      // Its supervisor is at it, and knows how often to try.
      if (process.waits) return { kind: "up" };
      return { kind: "down", why: "missing", reason: "created but never started" };
    case "missing":
      return { kind: "down", why: "missing", reason: "not running (was the machine restarted?)" };
    case "stopped":
    case "failed":
      return ended(process, record.spec.command.length > 0);
  }
}

function ended(process: Process, hasCommand: boolean): Liveness {
  const code = process.exitCode;
  if (process.oom && code !== 0)
    return { kind: "down", why: "killed", reason: `ran out of memory${tries(process)}` };
  if (process.killed) {
    const reason =
      code !== null && code > 128
        ? `was killed by signal ${code - 128}${tries(process)}`
        : "its supervisor died";
    return { kind: "down", why: "killed", reason };
  }
  if (process.requested)
    return { kind: "down", why: "missing", reason: "was stopped from outside (was the machine shut down?)" };
  // An idle environment has no end of its own: whatever ended it, it should run.
  if (code === 0 && hasCommand) return { kind: "done" };
  return {
    kind: "down",
    why: "exited",
    reason: code === null ? "not running" : `exited with code ${code}${tries(process)}`,
  };
}

const tries = ({ gaveUp, restarts = 0 }: Process): string =>
  gaveUp ? `, also after ${restarts} restarts` : "";
