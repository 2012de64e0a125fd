import type { Environment } from "../model/environment.ts";
import type { Actual, Instance } from "../model/instance.ts";
import type { Change, Plan } from "../model/plan.ts";
import type { Desired, ProjectIdentity } from "../model/project.ts";
import type { Problem } from "../model/source.ts";
import type { Goal, Prospect } from "./api.ts";
import { differences, same } from "./compare.ts";
import { placeOf } from "./fields.ts";
import { narrow, type Selection } from "./select.ts";

/** The version that this Pavlos writes, and the only one that it reads. */
export const planFileVersion = 1;

/**
 * A plan that was kept, to be looked at and applied later: what it was made from is in it, so that
 * whoever applies it can say what has changed since.
 */
export interface PlanFile {
  readonly version: number;
  /** Version of the program that made it. */
  readonly program: string;
  readonly project: ProjectIdentity;
  /** ISO 8601. */
  readonly createdAt: string;
  /** What the command line asked for; paths are absolute. */
  readonly asked: Selection & { readonly files: readonly string[]; readonly profiles: readonly string[] };
  /** What each environment in question was and was to be, by name. */
  readonly environments: Readonly<Record<string, Snapshot>>;
  readonly changes: readonly Change[];
  readonly summary: Plan["summary"];
}

/** One environment at the time of the plan. */
export interface Snapshot {
  /** null: the files do not have it. */
  readonly wanted: Environment | null;
  /** null: it does not exist. */
  readonly actual: Seen | null;
}

interface Seen {
  readonly spec: Environment;
  readonly createdAt: string;
  readonly stopped: boolean;
  readonly status: string;
  readonly pid: number | null;
  readonly startedAt: string | null;
  /** Live values that differ from the record, by path. */
  readonly drift: Readonly<Record<string, unknown>>;
}

type ApplyGoal = Extract<Goal, { kind: "apply" }>;

export interface PlanInput {
  readonly goal: ApplyGoal;
  readonly prospect: Prospect;
  readonly asked: PlanFile["asked"];
  readonly program: string;
  readonly now: Date;
}

/** What `diff --out` writes. Pure. */
export function planFile({ goal, prospect, asked, program, now }: PlanInput): PlanFile {
  const { plan, actual } = prospect;
  return {
    version: planFileVersion,
    program,
    project: goal.desired.project,
    createdAt: now.toISOString(),
    asked,
    environments: snapshots(goal, actual),
    changes: plan.changes,
    summary: plan.summary,
  };
}

/** What has changed since the plan was made; empty: it still holds. Pure. */
export function staleness(file: PlanFile, goal: ApplyGoal, actual: Actual): readonly Problem[] {
  const now = asData(snapshots(goal, actual));
  const names = [...new Set([...Object.keys(file.environments), ...Object.keys(now)])].sort();
  return names.flatMap((name) => {
    const nothing: Snapshot = { wanted: null, actual: null };
    const [before, after] = [file.environments[name] ?? nothing, now[name] ?? nothing];
    return [
      ...wantedSince(goal.desired, name, { before: before.wanted, after: after.wanted }),
      ...actualSince(name, before.actual, after.actual),
    ];
  });
}

/** Is this the plan that was kept? How much data lies in a layer, and places, may differ. */
export function samePlan(file: PlanFile, plan: Plan): boolean {
  const intent = (changes: readonly Change[]): unknown =>
    changes.map(({ dataLost: _, fields, ...change }) => ({
      ...change,
      fields: fields.map(({ source: _source, ...field }) => field),
    }));
  return same(asData(intent(plan.changes)), asData(intent(file.changes)));
}

function snapshots(goal: ApplyGoal, actual: Actual): Readonly<Record<string, Snapshot>> {
  const { names } = narrow(goal, actual).goal;
  const asked = (name: string): boolean => names === null || names.includes(name);
  const wanted = new Map(goal.desired.environments.map((environment) => [environment.name, environment]));
  const seen = new Map(actual.instances.map((instance) => [instance.name, seenOf(instance)]));
  const all = [...new Set([...wanted.keys(), ...seen.keys()])].filter(asked).sort();
  return Object.fromEntries(
    all.map((name) => [name, { wanted: wanted.get(name) ?? null, actual: seen.get(name) ?? null }]),
  );
}

const seenOf = ({ record, process, drift }: Instance): Seen => ({
  spec: record.spec,
  createdAt: record.createdAt,
  stopped: record.stopped,
  status: process.status,
  pid: process.pid,
  startedAt: process.startedAt,
  drift: Object.fromEntries([...drift].map(([path, { live }]) => [path, live ?? null])),
});

interface Versions<T> {
  readonly before: T;
  readonly after: T;
}

function wantedSince(
  desired: Desired,
  name: string,
  { before, after }: Versions<Environment | null>,
): readonly Problem[] {
  const paths = [...new Set(differences(before, after).map(({ path }) => path))];
  if (paths.length === 0) return [];
  const what =
    before === null
      ? `\`${name}\` was added to the files`
      : after === null
        ? `\`${name}\` was removed from the files`
        : `the configuration of \`${name}\` has changed: ${listed(paths)}`;
  return [stale(what, after === null ? null : placeOf(desired, name, paths[0] ?? ""))];
}

function actualSince(name: string, before: Seen | null, after: Seen | null): readonly Problem[] {
  if (same(before, after)) return [];
  if (before === null) return [stale(`\`${name}\` exists now`, null)];
  if (after === null) return [stale(`\`${name}\` does not exist any more`, null)];
  return [stale(`\`${name}\` is not as it was: ${changesOf(before, after).join("; ")}`, null)];
}

function changesOf(before: Seen, after: Seen): readonly string[] {
  const found: string[] = [];
  const applied = differences(before.spec, after.spec).map(({ path }) => path);
  if (applied.length > 0) found.push(`another apply changed ${listed([...new Set(applied)])}`);
  if (before.createdAt !== after.createdAt) found.push("its root was made anew");
  if (before.status !== after.status) found.push(`it was ${before.status} and is ${after.status}`);
  else if (before.pid !== after.pid || before.startedAt !== after.startedAt)
    found.push(`it was started again (pid ${before.pid ?? "-"}, now ${after.pid ?? "-"})`);
  if (before.stopped !== after.stopped) found.push(after.stopped ? "it was stopped" : "it is not stopped");
  const drifted = [...new Set([...Object.keys(before.drift), ...Object.keys(after.drift)])].filter(
    (path) => !same(before.drift[path], after.drift[path]),
  );
  if (drifted.length > 0) found.push(`changed from outside: ${listed(drifted)}`);
  return found;
}

/** The first few by name: enough to know where to look. */
const listed = (paths: readonly string[]): string =>
  paths.length <= most
    ? paths.join(", ")
    : `${paths.slice(0, most).join(", ")} and ${paths.length - most} more`;
const most = 5;

const stale = (message: string, place: Problem["place"]): Problem => ({
  code: "plan-stale",
  message: `${message} since the plan was made`,
  place,
  hint: "nothing was changed; make the plan again with `pavlos diff --out FILE`, and look at it",
});

/** As it is after a way through a file: without what JSON does not hold. */
const asData = <T>(value: T): T => JSON.parse(JSON.stringify(value));
