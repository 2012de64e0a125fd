import type { Environment } from "../model/environment.ts";
import type { Actual, Instance } from "../model/instance.ts";
import type { Change, Plan } from "../model/plan.ts";
import type { Desired } from "../model/project.ts";
import type { Problem } from "../model/source.ts";
import type { Context } from "../providers/provider.ts";
import type { Confirm, Goal, Machinery, Outcome, Prospect } from "./api.ts";
import { same } from "./compare.ts";
import { diff, losesLayer, withDataLost } from "./diff.ts";
import { errandChanges } from "./errands.ts";
import { execute } from "./execute.ts";
import { placeOf } from "./fields.ts";
import { joinProcesses, observe } from "./observe.ts";
import { withObstacles } from "./obstacles.ts";
import { plan } from "./plan.ts";
import { narrow } from "./select.ts";

/** The plan for a goal, from a fresh look at the machine: what `diff` shows. Changes nothing. */
export async function foresee(machinery: Machinery, asked: Goal): Promise<Prospect> {
  const context = contextOf(machinery, asked);
  const actual = await observe(machinery, context);
  const { goal, problems: unknown } = narrow(asked, actual);
  const { changes, problems } = await changesFor(machinery, context, { goal, actual });
  const counted = await countLosses(machinery, context, { goal, actual, changes });
  const wanted = wantedBy(goal, actual);
  return { actual, plan: plan({ changes: counted, actual, wanted }), problems: [...unknown, ...problems] };
}

/** What there is and whether it runs, without a look for drift: for `ps`. Sorted by name. */
export async function glance(machinery: Machinery): Promise<readonly Instance[]> {
  const { records } = machinery.state.readRecords();
  return await joinProcesses(machinery, contextOf(machinery, { kind: "stop", names: null }), records);
}

/**
 * Makes it so: plans, checks, asks, locks, looks again, and carries out what was agreed to. When the
 * machine changed while somebody thought about the plan, the new plan is asked for again.
 */
export async function reconcile(machinery: Machinery, goal: Goal, confirm: Confirm): Promise<Outcome> {
  const context = contextOf(machinery, goal);
  let prospect = await foresee(machinery, goal);
  for (;;) {
    const { plan: proposal, problems } = prospect;
    if (problems.length > 0) return { kind: "refused", plan: proposal, problems };
    if (proposal.changes.length === 0) return { kind: "nothing", plan: proposal };
    const hindrances = await check(machinery, context, { goal, prospect });
    if (hindrances.length > 0) return { kind: "refused", plan: proposal, problems: hindrances };
    if (confirm !== null && !(await confirm(proposal))) return { kind: "declined", plan: proposal };
    const lock = await machinery.state.lock({
      command: `pavlos ${goal.kind}`,
      waiting: (holder) => machinery.report({ kind: "lock-waiting", holder }),
      signal: machinery.signal,
    });
    if (!lock.ok) return { kind: "refused", plan: proposal, problems: [lock.failure] };
    try {
      prospect = await foresee(machinery, goal);
      if (sameIntent(proposal, prospect.plan)) return await finish(machinery, context, { goal, prospect });
    } finally {
      lock.value.release();
    }
  }
}

async function finish(
  machinery: Machinery,
  context: Context,
  { goal, prospect }: { readonly goal: Goal; readonly prospect: Prospect },
): Promise<Outcome> {
  const { actual } = prospect;
  const results = await execute(machinery, context, {
    plan: prospect.plan,
    actual,
    wanted: wantedBy(goal, actual),
    desired: goal.kind === "apply" ? goal.desired : null,
    afterFailure: (goal.kind === "apply" ? goal.afterFailure : undefined) ?? "roll back",
  });
  if (results.every((result) => result.failure === null)) machinery.state.journal.clear();
  if (prospect.plan.summary.destroy > 0) await machinery.state.removeIfEmpty();
  return { kind: "done", plan: prospect.plan, results };
}

async function changesFor(
  machinery: Machinery,
  context: Context,
  { goal, actual }: { readonly goal: Goal; readonly actual: Actual },
): Promise<{ readonly changes: readonly Change[]; readonly problems: readonly Problem[] }> {
  if (goal.kind !== "apply") return { changes: errandChanges(goal.kind, actual, goal.names), problems: [] };
  const { desired, names, revive = "all", except = [], recreate = [] } = goal;
  const withSecrets = desired.environments.filter(
    (environment) => Object.keys(environment.secrets).length > 0,
  );
  const secretHashes =
    withSecrets.length > 0 ? await machinery.launcher.secretHashes(withSecrets, context) : new Map();
  // Only a record with pending work is worth the reading of the journal.
  const interrupted = actual.instances.some(({ record }) => record.pending !== null);
  const interruptedAt = interrupted ? machinery.state.journal.unfinished() : new Map();
  const found = diff({ desired, actual, names, revive, except, recreate, secretHashes, interruptedAt });
  const wanted = wantedBy(goal, actual);
  return { ...found, changes: await withObstacles(machinery, context, { ...found, actual, wanted }) };
}

/** Counts what would be lost only where something would be: it may be a long walk over files. */
async function countLosses(
  machinery: Machinery,
  context: Context,
  known: { readonly goal: Goal; readonly actual: Actual; readonly changes: readonly Change[] },
): Promise<readonly Change[]> {
  const wanted = wantedBy(known.goal, known.actual);
  const losing = new Set(
    known.changes
      .filter((change) => losesLayer(change, wanted.get(change.environment)?.persist ?? true))
      .map((change) => change.environment),
  );
  const records = known.actual.instances
    .map(({ record }) => record)
    .filter((record) => losing.has(record.name));
  if (records.length === 0) return known.changes;
  const views = await Promise.all(
    machinery.providers.map((provider) => provider.written?.(records, context)),
  );
  return withDataLost(known.changes, new Map(views.flatMap((view) => [...(view ?? [])])));
}

async function check(
  machinery: Machinery,
  context: Context,
  { goal, prospect }: { readonly goal: Goal; readonly prospect: Prospect },
): Promise<readonly Problem[]> {
  const wanted = wantedBy(goal, prospect.actual);
  const starting = prospect.plan.changes.flatMap(({ environment, action, fields }) => {
    const spec = wanted.get(environment);
    if (spec === undefined || action === "destroy" || action === "stop" || action === "record") return [];
    const places = (goal.kind === "apply" ? goal.desired.places.get(environment) : undefined) ?? new Map();
    return [{ environment: spec, places, changed: action === "create" || fields.length > 0 }];
  });
  if (starting.length === 0) return [];
  const answers = await Promise.all(
    machinery.providers.map((provider) => provider.check?.(starting, context)),
  );
  for (const notice of answers.flatMap((answer) => answer?.notices ?? []))
    machinery.report({ kind: "notice", notice });
  return answers.flatMap((answer) => answer?.problems ?? []);
}

function wantedBy(goal: Goal, actual: Actual): ReadonlyMap<string, Environment> {
  const specs: readonly Environment[] =
    goal.kind === "apply" ? goal.desired.environments : actual.instances.map(({ record }) => record.spec);
  return new Map(specs.map((spec) => [spec.name, spec]));
}

function contextOf({ project, report, signal }: Machinery, goal: Goal): Context {
  const desired: Desired | null = goal.kind === "apply" ? goal.desired : null;
  const place: Context["place"] = (name, path) => (desired === null ? null : placeOf(desired, name, path));
  return { project, place, report, signal };
}

/** The same changes for the same reasons; how much data is in a layer may have changed meanwhile. */
function sameIntent(left: Plan, right: Plan): boolean {
  const intent = (proposal: Plan) => proposal.changes.map(({ dataLost: _, ...change }) => change);
  return same(intent(left), intent(right));
}
