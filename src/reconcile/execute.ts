import type { Environment } from "../model/environment.ts";
import type { Actual } from "../model/instance.ts";
import type { Plan } from "../model/plan.ts";
import type { Problem } from "../model/source.ts";
import type { Context } from "../providers/provider.ts";
import { containerIdOf } from "../state/paths.ts";
import type { ChangeResult, Machinery } from "./api.ts";
import { makeCrew } from "./batch.ts";
import { makePerform, type Session } from "./perform.ts";
import { restartInstead } from "./plan.ts";
import { type Job, repair } from "./repair.ts";
import { makeRunner, type Runner } from "./run.ts";

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
  work: { readonly plan: Plan; readonly actual: Actual; readonly wanted: ReadonlyMap<string, Environment> },
): Promise<readonly ChangeResult[]> {
  const crew = makeCrew();
  const run = makeRunner(machinery, makePerform(machinery, context, crew));
  const instances = new Map(work.actual.instances.map((instance) => [instance.name, instance]));
  const results = new Map<string, ChangeResult>();
  const tasks = work.plan.changes.map((change) => async () => {
    const name = change.environment;
    const operations = work.plan.operations.get(name) ?? [];
    const job = { change, operations, instance: instances.get(name), wanted: work.wanted.get(name) };
    results.set(name, await carryOut(machinery, run, job));
  });
  await crew.run(tasks, concurrency);
  return work.plan.changes.flatMap((change) => results.get(change.environment) ?? []);
}

async function carryOut(machinery: Machinery, run: Runner, job: Job): Promise<ChangeResult> {
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
  const failure =
    stuck && (await repair(run, { job: { ...job, operations }, session, stuck, aborted: signal.aborted }));
  const durationMs = Math.round(performance.now() - began);
  if (failure === null) report({ kind: "change-finished", environment, change, durationMs });
  else report({ kind: "change-failed", environment, change, failure, durationMs });
  return { change, failure, durationMs };
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
