import type { Environment } from "../model/environment.ts";
import type { Impact } from "../model/impact.ts";
import type { Actual, Instance, Leftover } from "../model/instance.ts";
import type { Change, DataLost, FieldChange } from "../model/plan.ts";
import type { Desired } from "../model/project.ts";
import { beforeRecreate } from "../model/snapshot.ts";
import type { Problem } from "../model/source.ts";
import { fieldChanges, placeOf, repeated } from "./fields.ts";
import { strongest } from "./impact.ts";
import { livenessOf } from "./liveness.ts";

export interface DiffInput {
  readonly desired: Desired;
  readonly actual: Actual;
  /** Only these; null: all. */
  readonly names: readonly string[] | null;
  /** See Goal. */
  readonly revive: "all" | "killed";
  readonly except: readonly string[];
  readonly recreate?: readonly string[];
  /** The step at which each environment's last apply was interrupted, where the journal knows. */
  readonly interruptedAt: ReadonlyMap<string, string>;
  /** Of the secrets' current values, by environment and secret. */
  readonly secretHashes: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export interface Diff {
  /** Sorted by environment. `dataLost` is null still: see withDataLost. */
  readonly changes: readonly Change[];
  /** What stands in the way and is not for Pavlos to clear away by itself. */
  readonly problems: readonly Problem[];
}

/** What must happen so that the machine is as the files say. Pure. */
export function diff(input: DiffInput): Diff {
  const { desired, actual } = input;
  const asked = (name: string): boolean =>
    (input.names === null || input.names.includes(name)) && !input.except.includes(name);
  const instances = new Map(actual.instances.map((instance) => [instance.name, instance]));
  const leftovers = new Map(actual.leftovers.map((leftover) => [leftover.name, leftover]));
  const known = new Set([
    ...desired.inactive,
    ...desired.environments.map((environment) => environment.name),
  ]);
  const changes: (Change | null)[] = [];
  const problems: Problem[] = [];
  for (const wanted of desired.environments) {
    if (!asked(wanted.name)) continue;
    const instance = instances.get(wanted.name);
    const leftover = leftovers.get(wanted.name);
    if (instance !== undefined) changes.push(changeOf(input, wanted, instance));
    else if (leftover === undefined || leftover.removable) changes.push(creation(wanted.name, leftover));
    else problems.push(unusable(desired, leftover));
  }
  for (const { name, record } of actual.instances) {
    if (known.has(name) || !asked(name)) continue;
    changes.push(
      destruction(
        name,
        record.pending?.action === "destroy" ? interruption(input, name) : "no longer in the files",
      ),
    );
  }
  for (const leftover of actual.leftovers) {
    if (!known.has(leftover.name) && asked(leftover.name) && leftover.removable)
      changes.push(destruction(leftover.name, leftover.reason));
  }
  const found = changes.filter((change) => change !== null);
  return { changes: found.sort(byEnvironment), problems };
}

/** Which of the changes throw a writable layer away: those whose data should be counted. */
export function losesLayer(change: Change, persist: boolean): boolean {
  if (change.action === "recreate" || change.action === "destroy") return true;
  return change.action === "restart" && !persist;
}

export function withDataLost(
  changes: readonly Change[],
  written: ReadonlyMap<string, DataLost>,
): readonly Change[] {
  return changes.map((change) => {
    const lost = written.get(change.environment);
    if (lost === undefined || lost.bytes === 0) return change;
    // Only with the environment itself do its snapshots go.
    const kept = change.action === "destroy" ? {} : { snapshot: beforeRecreate };
    return { ...change, dataLost: { ...lost, ...kept } };
  });
}

function interruption({ interruptedAt }: DiffInput, name: string): string {
  const step = interruptedAt.get(name);
  return step === undefined ? "an apply was interrupted" : `an apply was interrupted at its step \`${step}\``;
}

function changeOf(input: DiffInput, wanted: Environment, instance: Instance): Change | null {
  const { pending } = instance.record;
  if (pending?.action === "create")
    return { ...creation(wanted.name, undefined), reason: interruption(input, wanted.name) };
  const fields = [...fieldChanges(input.desired, wanted, instance), ...newSecrets(input, wanted, instance)];
  if (pending?.action === "live")
    fields.push(...unfinished(input, wanted, { fields, pending: pending.fields }));
  const state = stateOf(input, instance);
  if (input.revive === "killed" && rests(instance, fields)) return null;
  if (fields.length === 0 && state.least === null) return null;
  const needed = strongest(
    fields.map((field) => field.impact),
    state.least ?? "record",
  );
  // What is not running cannot be changed live: the next start brings it.
  const later = state.done && needed === "live";
  const reason = later ? "takes effect at the next start" : state.reason;
  return {
    environment: wanted.name,
    action: later ? "record" : needed,
    drift: fields.every((field) => field.reason !== undefined),
    fields,
    ...(reason === null ? {} : { reason }),
    dataLost: null,
  };
}

/** What its user stopped, or what failed by itself and would fail again: left alone while watching. */
function rests(instance: Instance, fields: readonly FieldChange[]): boolean {
  const liveness = livenessOf(instance);
  if (liveness.kind !== "down") return false;
  if (liveness.why === "stopped") return true;
  return liveness.why === "exited" && fields.length === 0 && instance.record.pending === null;
}

interface State {
  /** What it needs even when no field differs; null: nothing. */
  readonly least: Impact | null;
  readonly reason: string | null;
  readonly done: boolean;
}

function stateOf(input: DiffInput, instance: Instance): State {
  if (input.recreate?.includes(instance.name))
    return { least: "recreate", reason: "a rule of `watch` asks for it", done: false };
  const pending = instance.record.pending?.action;
  if (pending === "destroy")
    return { least: "recreate", reason: interruption(input, instance.name), done: false };
  const liveness = livenessOf(instance);
  // The layer of an interrupted recreate lies aside: whoever wants what was before gets it back.
  if (pending === "restart" || pending === "recreate")
    return { least: "restart", reason: interruption(input, instance.name), done: false };
  if (pending === "tidy" && liveness.kind !== "down")
    return { least: "record", reason: interruption(input, instance.name), done: liveness.kind === "done" };
  if (liveness.kind === "down") return { least: "restart", reason: liveness.reason, done: false };
  return { least: null, reason: null, done: liveness.kind === "done" };
}

/** Secrets whose value is another than at the last start; where one comes from is an ordinary field. */
function newSecrets(input: DiffInput, wanted: Environment, instance: Instance): readonly FieldChange[] {
  const now = input.secretHashes.get(wanted.name) ?? {};
  const before = instance.record.secretHashes;
  return Object.keys(wanted.secrets)
    .filter((name) => now[name] !== undefined && before[name] !== undefined && now[name] !== before[name])
    .map((name) => repeated(input.desired, wanted, { path: `secrets.${name}`, reason: "its value changed" }));
}

/** What a live change was about to set when it was interrupted; the kernel may have either value. */
function unfinished(
  input: DiffInput,
  wanted: Environment,
  known: { readonly fields: readonly FieldChange[]; readonly pending: readonly string[] },
): readonly FieldChange[] {
  const paths = new Set(known.fields.map((field) => field.path));
  const reason = interruption(input, wanted.name);
  return known.pending
    .filter((path) => !paths.has(path))
    .map((path) => repeated(input.desired, wanted, { path, reason }));
}

function creation(name: string, leftover: Leftover | undefined): Change {
  const change = { environment: name, action: "create", drift: false, fields: [], dataLost: null } as const;
  return leftover === undefined ? change : { ...change, reason: leftover.reason };
}

const destruction = (name: string, reason: string): Change => ({
  environment: name,
  action: "destroy",
  drift: false,
  fields: [],
  reason,
  dataLost: null,
});

function unusable(desired: Desired, leftover: Leftover): Problem {
  return {
    code: "record-unusable",
    message: `\`${leftover.name}\` exists already, but ${leftover.reason}; its files may hold your data`,
    place: placeOf(desired, leftover.name, ""),
    hint: `\`pavlos destroy ${leftover.name}\` removes it with its data; then apply again`,
  };
}

const byEnvironment = (left: Change, right: Change): number =>
  left.environment < right.environment ? -1 : 1;
