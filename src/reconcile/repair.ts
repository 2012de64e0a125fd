import type { Environment } from "../model/environment.ts";
import type { Failure } from "../model/event.ts";
import type { Instance } from "../model/instance.ts";
import type { Change, Operation } from "../model/plan.ts";
import { same } from "./compare.ts";
import { livenessOf } from "./liveness.ts";
import type { Session } from "./perform.ts";
import { clearance, restoration } from "./plan.ts";
import type { Runner, Stuck } from "./run.ts";

/** One change with everything that is needed to carry it out. */
export interface Job {
  readonly change: Change;
  readonly operations: readonly Operation[];
  /** As it was observed; undefined: a new one. */
  readonly instance: Instance | undefined;
  /** undefined: it is going away. */
  readonly wanted: Environment | undefined;
}

interface Failed {
  readonly job: Job;
  readonly session: Session;
  readonly stuck: Stuck;
  readonly aborted: boolean;
}

/**
 * After a failure: as much as possible as it was before, and a true word about what is left. The
 * record still says `pending` wherever that did not work, so the next apply repairs it.
 */
export async function repair(run: Runner, failed: Failed): Promise<Failure> {
  const { problem, index } = failed.stuck;
  const { action } = failed.job.change;
  if (!hasBegun(failed.job.operations, index)) return { problem, left: null };
  if (failed.aborted) return { problem, left: "it is half done; the next `pavlos apply` finishes it" };
  switch (action) {
    case "create":
      return { problem, left: await clear(run, failed.session) };
    case "recreate":
    case "destroy":
    case "stop":
      return { problem, left: remains[action] };
    case "record":
    case "live":
    case "restart":
      return { problem, ...(await goBack(run, failed)) };
  }
}

/** Before the record said that work begins nothing of the environment was touched. */
const hasBegun = (operations: readonly Operation[], index: number): boolean =>
  operations.slice(0, index).some((operation) => operation.kind !== "prepare");

const remains = {
  recreate:
    "its old container may be gone and its new root incomplete; the next `pavlos apply` creates it anew",
  destroy: "part of its files; the next `pavlos apply` or `pavlos destroy` removes them",
  stop: "its container may still run; `pavlos stop` tries again",
} as const;

async function clear(run: Runner, session: Session): Promise<string | null> {
  const stuck = await run(clearance(session.name, session.containerId), session);
  return stuck === null ? null : "what was made of it so far; the next `pavlos apply` begins anew";
}

/** The environment's root is intact: what ran before can run again. */
async function goBack(run: Runner, { job, session }: Failed): Promise<Omit<Failure, "problem">> {
  const { instance, wanted } = job;
  const stopped = {
    left: "its container is stopped, its files are intact; the next `pavlos apply` starts it",
  };
  if (instance === undefined || same(instance.record.spec, wanted) || livenessOf(instance).kind !== "up")
    return stopped;
  session.created = null;
  const stuck = await run(restoration(instance.record), session);
  return stuck === null
    ? { left: "it runs again as it was before; its files are intact", restored: true }
    : stopped;
}
