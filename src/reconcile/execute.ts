import type { Environment } from "../model/environment.ts";
import type { Actual } from "../model/instance.ts";
import type { Change, Operation, Plan } from "../model/plan.ts";
import type { Desired } from "../model/project.ts";
import { type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Context, Present } from "../providers/provider.ts";
import { containerIdOf } from "../state/paths.ts";
import type { ChangeResult, Machinery } from "./api.ts";
import { makeCrew } from "./batch.ts";
import { placeOf } from "./fields.ts";
import { makeGates } from "./gates.ts";
import { gatherAll, isAlike, once, presentDuring, presentNow, settleAll } from "./gather.ts";
import { makePerform, type Session } from "./perform.ts";
import { restartInstead } from "./plan.ts";
import { type AfterFailure, type Job, repair } from "./repair.ts";
import { makeRunner, type Runner } from "./run.ts";

/** A plan, and what it was made from. */
export interface Work {
  readonly plan: Plan;
  readonly actual: Actual;
  readonly wanted: ReadonlyMap<string, Environment>;
  /** The files, where they ask for this; null: an errand over what is there. */
  readonly desired: Desired | null;
  readonly afterFailure: AfterFailure;
}

/** Environments that are worked on at the same time. */
const concurrency = 32;

/**
 * Carries out a plan; the caller holds the project's lock. One environment that fails stops no other.
 * The first operation of a change writes what is about to happen into the record, so that the next
 * apply finds and repairs whatever a sudden end leaves behind.
 */
export async function execute(
  machinery: Machinery,
  context: Context,
  work: Work,
): Promise<readonly ChangeResult[]> {
  const crew = makeCrew();
  const during = presentDuring(work);
  let isGathered = false;
  const gather = once(async () => {
    const done = await gatherAll(machinery, context, during);
    isGathered = done.ok;
    return done;
  });
  const gates = makeGates(work.plan.order);
  const settle = once(() => settleAll(machinery, context, "start"));
  const run = makeRunner(machinery, makePerform(machinery, { context, crew, gates, gather, settle }));
  const instances = new Map(work.actual.instances.map((instance) => [instance.name, instance]));
  const results = new Map<string, ChangeResult>();
  const changes = new Map(work.plan.changes.map((change) => [change.environment, change]));
  // In this order nobody at work waits for somebody who has not got a turn.
  const tasks = work.plan.order.map((name) => async () => {
    const change = changes.get(name);
    if (change === undefined) return;
    const operations = work.plan.operations.get(name) ?? [];
    const job = { change, operations, instance: instances.get(name), wanted: work.wanted.get(name) };
    const { desired, afterFailure } = work;
    const result = await carryOut(machinery, run, { ...job, desired, afterFailure });
    gates.finished(name, result.failure === null ? "done" : "failed");
    results.set(name, result);
  });
  await crew.run(tasks, concurrency);
  const now = presentNow(machinery);
  const isSettled = isGathered && (await settleAll(machinery, context, "end")).ok && isAlike(during, now);
  const settled = isSettled ? success(undefined) : await settleFor(machinery, context, now);
  if (!settled.ok) machinery.report({ kind: "notice", notice: unsettled(settled.failure) });
  return work.plan.changes.flatMap((change) => results.get(change.environment) ?? []);
}

async function settleFor(
  machinery: Machinery,
  context: Context,
  now: readonly Present[],
): Promise<Result<void, Problem>> {
  const gathered = await gatherAll(machinery, context, now);
  return gathered.ok ? await settleAll(machinery, context, "end") : gathered;
}

async function carryOut(
  machinery: Machinery,
  run: Runner,
  job: Job & { readonly desired: Desired | null },
): Promise<ChangeResult> {
  const { report, signal } = machinery;
  const { change } = job;
  const { environment } = change;
  const began = performance.now();
  report({ kind: "change-started", environment, change });
  const session = sessionOf(machinery, job);
  let operations = job.operations;
  let stuck = await run(operations, session);
  if (stuck?.operation.kind === "change" && !signal.aborted && job.instance && job.wanted) {
    report({ kind: "notice", notice: insteadOf(environment, stuck.problem) });
    operations = restartInstead(job.instance, job.wanted);
    stuck = await run(operations, session);
  }
  if (stuck) stuck = { ...stuck, problem: placed(stuck.problem, stuck.operation, job) };
  const failure =
    stuck && (await repair(run, { job: { ...job, operations }, session, stuck, aborted: signal.aborted }));
  const durationMs = Math.round(performance.now() - began);
  if (failure === null) report({ kind: "change-finished", environment, change, durationMs });
  else report({ kind: "change-failed", environment, change, failure, durationMs });
  return { change, failure, durationMs };
}

/** The field that asks for what an operation does: where to look when it fails. */
const askedBy: Partial<Record<Operation["kind"], string>> = {
  prepare: "rootfs",
  start: "command",
};

/** A failure without a place of its own is shown where the file asked for it. */
function placed(
  problem: Problem,
  operation: Operation,
  { change, desired }: { readonly change: Change; readonly desired: Desired | null },
): Problem {
  const path = operation.kind === "hook" ? `hooks.${operation.point}` : askedBy[operation.kind];
  if (problem.place !== null || desired === null || path === undefined) return problem;
  return { ...problem, place: placeOf(desired, change.environment, path) };
}

function sessionOf({ project }: Machinery, { change, instance }: Job): Session {
  return {
    name: change.environment,
    containerId: containerIdOf(project.id, change.environment),
    record: instance?.record ?? null,
    pid: instance?.process.pid ?? null,
    layerSince: null,
    created: null,
    provider: null,
  };
}

const insteadOf = (environment: string, problem: Problem) => ({
  code: "restart-instead",
  environment,
  message: `${problem.message}; it is restarted instead`,
});

const unsettled = ({ message, hint }: Problem) => ({
  code: "unsettled",
  environment: null,
  message: `what environments share could not be cleared up: ${message}`,
  ...(hint === undefined ? {} : { hint }),
});
