import type { Environment } from "../model/environment.ts";
import type { Failure } from "../model/event.ts";
import type { Instance } from "../model/instance.ts";
import type { Change, Operation } from "../model/plan.ts";
import type { Session } from "./perform.ts";
import { acceptance, canGoBack, clearance, restoration } from "./plan.ts";
import type { Runner, Stuck } from "./run.ts";

/** Where a new configuration failed and the old one ran: back to that, or on with what there is. */
export type AfterFailure = "roll back" | "leave";

/** One change with everything that is needed to carry it out. */
export interface Job {
  readonly change: Change;
  readonly operations: readonly Operation[];
  /** As it was observed; undefined: a new one. */
  readonly instance: Instance | undefined;
  /** undefined: it is going away. */
  readonly wanted: Environment | undefined;
  readonly afterFailure: AfterFailure;
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
      return { problem, left: await clear(run, failed) };
    case "destroy":
    case "stop":
      return { problem, left: remains[action] };
    case "record":
    case "live":
    case "restart":
    case "recreate":
      return { problem, ...(await goBack(run, failed)) };
  }
}

/** Before the record said that work begins nothing of the environment was touched. */
const hasBegun = (operations: readonly Operation[], index: number): boolean =>
  operations.slice(0, index).some(({ kind }) => !["prepare", "await", "aside"].includes(kind));

const remains = {
  destroy: "part of its files; the next `pavlos apply` or `pavlos destroy` removes them",
  stop: "its container may still run; `pavlos stop` tries again",
} as const;

async function clear(run: Runner, { session, stuck }: Failed): Promise<string | null> {
  // It is there, and its log says what is wrong with it.
  if (stuck.operation.kind === "verify")
    return `it stays as it is: \`pavlos ps\`, \`pavlos logs ${session.name}\``;
  const left = await run(clearance(session.name, session.containerId), session);
  return left === null ? null : "what was made of it so far; the next `pavlos apply` begins anew";
}

/** What ran before can run again: its layer was not touched, or lies aside. */
async function goBack(run: Runner, failed: Failed): Promise<Omit<Failure, "problem">> {
  const { job, session } = failed;
  const { instance, wanted, afterFailure } = job;
  const possible = instance !== undefined && wanted !== undefined && canGoBack(instance, wanted);
  if (!possible || afterFailure === "leave") return await stay(run, failed);
  session.created = null;
  const again = await run(restoration(instance.record, layerOf(job)), session);
  if (again !== null) return { left: stopped(job) };
  return { left: "it runs again as it was before; its files are intact", restored: true };
}

const layerOf = ({ operations }: Job): "in place" | "aside" =>
  operations.some((operation) => operation.kind === "aside" && operation.step === "keep")
    ? "aside"
    : "in place";

/** Nothing to go back to. One that runs is kept, whatever it is worth. */
async function stay(run: Runner, { job, session, stuck }: Failed): Promise<Omit<Failure, "problem">> {
  if (stuck.operation.kind !== "verify" || job.wanted === undefined) return { left: stopped(job) };
  const settled = await run(acceptance(job.wanted), session);
  const name = job.wanted.name;
  if (settled !== null) return { left: stopped(job) };
  return { left: `the new one stays as it is: \`pavlos ps\`, \`pavlos logs ${name}\`` };
}

const stopped = ({ change }: Job): string =>
  change.action === "recreate"
    ? "its container is stopped, its old files are kept; the next `pavlos apply` creates it anew, or brings them back where the file says so"
    : "its container is stopped, its files are intact; the next `pavlos apply` starts it";
