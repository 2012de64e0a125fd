import type { Usage } from "../../host/usage.ts";
import type { Gauge } from "../../ui/top.ts";

/** One look: what each environment has used so far. `usage` null: it does not run. */
export interface Look {
  /** Milliseconds of a clock that never goes back. */
  readonly at: number;
  readonly environments: ReadonlyMap<string, { readonly status: string; readonly usage: Usage | null }>;
}

/** Rates come from two looks. Pure. */
export function gaugesOf(now: Look, before: Look | null): readonly Gauge[] {
  return [...now.environments].map(([name, { status, usage }]) => {
    const earlier = before?.environments.get(name)?.usage ?? null;
    const seconds = before === null ? 0 : (now.at - before.at) / 1000;
    const rate = (of: (usage: Usage) => number | null): number | null => {
      const [after, then] = [usage && of(usage), earlier && of(earlier)];
      // Counted from anew: it was started again in between.
      if (after === null || then === null || seconds <= 0 || after < then) return null;
      return (after - then) / seconds;
    };
    const cpu = rate((used) => used.cpu);
    return {
      name,
      status,
      cpu: cpu === null ? null : cpu / 1e9,
      memory: usage?.memory ?? null,
      memoryLimit: usage?.memoryLimit ?? null,
      pids: usage?.pids ?? null,
      readRate: rate((used) => used.read),
      writeRate: rate((used) => used.written),
    };
  });
}
