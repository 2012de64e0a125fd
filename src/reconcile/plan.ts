import type { Environment } from "../model/environment.ts";
import type { Actual, Instance, InstanceRecord, Pending } from "../model/instance.ts";
import { type Action, actions, type Change, type Operation, type Plan } from "../model/plan.ts";
import { unreachable } from "../model/result.ts";
import { same } from "./compare.ts";
import { livenessOf } from "./liveness.ts";
import { type Order, orderOf } from "./order.ts";

export interface PlanInput {
  readonly changes: readonly Change[];
  readonly actual: Actual;
  /** What each environment is to become; one that is missing here is going away. */
  readonly wanted: ReadonlyMap<string, Environment>;
}

/** The steps of each change, in order. Pure: `diff` shows the plan, `apply` carries it out. */
export function plan(input: PlanInput): Plan {
  const instances = new Map(input.actual.instances.map((instance) => [instance.name, instance]));
  const operations = new Map<string, readonly Operation[]>();
  const order = orderOf(input);
  for (const change of input.changes) {
    const name = change.environment;
    const wanted = input.wanted.get(name);
    const steps = stepsOf(change, { input, instance: instances.get(name), wanted });
    const waited = withWaits(steps, waitsOf(name, order, wanted));
    operations.set(name, [...tidying(instances.get(name)), ...waited]);
  }
  return { changes: input.changes, order: order.sequence, operations, summary: summarise(input.changes) };
}

/** Brings an environment back to what its record says, after a restart or recreate went wrong. */
export const restoration = (
  { name, containerId, ...record }: InstanceRecord,
  layer: "in place" | "aside",
): readonly Operation[] => [
  { kind: "stop", environment: name, spec: null, containerId },
  ...(layer === "aside" ? [{ kind: "aside", environment: name, step: "back" } as const] : []),
  ...launch(record.spec, { fresh: !record.spec.persist, hooked: record.hooked }),
  settled(record.spec, { stopped: false, hooked: true }),
];

/** The new one stays, with or without a doubt; what was kept of the old one is removed. */
export const acceptance = (wanted: Environment): readonly Operation[] => [
  begun(wanted, "tidy"),
  { kind: "aside", environment: wanted.name, step: "drop" },
  settled(wanted, { stopped: false, hooked: true }),
];

/** Of a change that was interrupted when all but this was done. */
const tidying = (instance: Instance | undefined): readonly Operation[] =>
  instance?.record.pending?.action === "tidy"
    ? [{ kind: "aside", environment: instance.name, step: "drop" }]
    : [];

/** Clears away what a creation that went wrong has left. */
export const clearance = (name: string, containerId: string): readonly Operation[] => [
  { kind: "stop", environment: name, spec: null, containerId },
  { kind: "remove", environment: name },
];

/** The way to new values where the running container could not take them. */
export const restartInstead = (instance: Instance, wanted: Environment): readonly Operation[] =>
  restart(instance, wanted);

interface Subject {
  readonly input: PlanInput;
  readonly instance: Instance | undefined;
  readonly wanted: Environment | undefined;
}

function stepsOf(change: Change, subject: Subject): readonly Operation[] {
  const { instance, wanted } = subject;
  const { action, environment } = change;
  if (action === "create" && wanted !== undefined) return create(wanted, subject);
  if (action === "destroy") return destroy(environment, subject);
  if (instance === undefined) throw new Error(`nothing is known of ${environment}, which is to ${action}`);
  if (action === "stop") return stop(instance);
  if (wanted === undefined) throw new Error(`there is no wanted state of ${environment}`);
  const paths = change.fields.filter((field) => field.impact === "live").map((field) => field.path);
  switch (action) {
    case "record":
      return [settled(wanted, {})];
    case "live":
      return live(instance, wanted, [...new Set(paths)]);
    case "restart":
      return restart(instance, wanted);
    case "recreate":
      return recreate(instance, wanted);
    case "create":
      throw new Error("handled above");
    default:
      return unreachable(action);
  }
}

function create(wanted: Environment, { input, instance }: Subject): readonly Operation[] {
  const leftover = input.actual.leftovers.find((candidate) => candidate.name === wanted.name);
  const clear =
    instance === undefined && leftover === undefined ? [] : destroyQuietly(wanted.name, instance, leftover);
  return [
    ...clear,
    begun(wanted, "create"),
    ...launch(wanted, { fresh: true, hooked: false }),
    settled(wanted, { stopped: false, hooked: true }),
    // Not before: one that is not healthy stays, to be looked at.
    ...verification(wanted, undefined),
  ];
}

function restart(instance: Instance, wanted: Environment): readonly Operation[] {
  const { record } = instance;
  const environment = wanted.name;
  // What was to persist goes: until the new one is certain it is kept, as in a recreate.
  if (record.spec.persist && !wanted.persist) return recreate(instance, wanted);
  // A recreate was interrupted and is not wanted any more: what lies aside, if anything, is the layer.
  const recreating = record.pending?.action === "recreate";
  return [
    // What can fail without the old container's end fails before it.
    { kind: "prepare", environment, spec: wanted, fresh: false },
    begun(record.spec, recreating ? "recreate" : "restart"),
    ...farewell(instance),
    ...(recreating ? [{ kind: "aside", environment, step: "back" } as const] : []),
    ...launch(wanted, { fresh: !wanted.persist, hooked: record.hooked }),
    ...verification(wanted, instance),
    settled(wanted, { stopped: false, hooked: true }),
  ];
}

function recreate(instance: Instance, wanted: Environment): readonly Operation[] {
  const environment = wanted.name;
  return [
    { kind: "prepare", environment, spec: wanted, fresh: false },
    begun(instance.record.spec, "recreate"),
    ...farewell(instance),
    { kind: "aside", environment, step: "keep" },
    ...launch(wanted, { fresh: true, hooked: false }),
    ...verification(wanted, instance),
    ...acceptance(wanted),
  ];
}

/** Long enough to see a command that ends at once, short enough to be waited for at each restart. */
const grace = 200;

/** Without a health check it only counts where there is something to go back to. */
function verification(wanted: Environment, before: Instance | undefined): readonly Operation[] {
  const atStake = before !== undefined && canGoBack(before, wanted);
  if (wanted.health === null && !atStake) return [];
  return [{ kind: "verify", environment: wanted.name, spec: wanted, grace: atStake ? grace : 0 }];
}

/** What ran before was something else, and ran. */
export const canGoBack = (before: Instance, wanted: Environment): boolean =>
  livenessOf(before).kind === "up" &&
  (before.record.pending === null || before.record.pending.action === "tidy") &&
  !same(before.record.spec, wanted);

/** Waiting comes before the first effect, but what can be prepared meanwhile is. */
function withWaits(steps: readonly Operation[], waits: readonly Operation[]): readonly Operation[] {
  const prepared = steps.findIndex((step) => step.kind !== "prepare");
  return waits.length === 0 ? steps : [...steps.slice(0, prepared), ...waits, ...steps.slice(prepared)];
}

function waitsOf(environment: string, order: Order, wanted: Environment | undefined): readonly Operation[] {
  const before = (order.startsAfter.get(environment) ?? []).map((other): Operation => {
    const condition = wanted?.dependsOn[other] ?? "started";
    return { kind: "await", environment, other, condition };
  });
  const gone = (order.stopsAfter.get(environment) ?? []).map(
    (other): Operation => ({ kind: "await", environment, other, condition: "gone" }),
  );
  return [...before, ...gone];
}

function live(instance: Instance, wanted: Environment, fields: readonly string[]): readonly Operation[] {
  return [
    begun(instance.record.spec, "live", fields),
    { kind: "change", environment: wanted.name, spec: wanted, fields },
    settled(wanted, {}),
  ];
}

function stop(instance: Instance): readonly Operation[] {
  const { spec, pending } = instance.record;
  // A live change was lost with the container; any other interrupted work is still to be repaired.
  const left = pending?.action === "live" ? null : pending;
  const patch = { stopped: true, pending: left };
  return [...farewell(instance), { kind: "record", environment: instance.name, spec, patch }];
}

function destroy(name: string, { input, instance }: Subject): readonly Operation[] {
  if (instance === undefined) {
    const leftover = input.actual.leftovers.find((candidate) => candidate.name === name);
    return destroyQuietly(name, undefined, leftover);
  }
  return [
    begun(instance.record.spec, "destroy"),
    ...farewell(instance),
    { kind: "remove", environment: name },
  ];
}

/** Without hooks: of what a crash left. */
function destroyQuietly(
  name: string,
  instance: Instance | undefined,
  leftover: { readonly containerId: string | null } | undefined,
): readonly Operation[] {
  const containerId = instance?.record.containerId ?? leftover?.containerId ?? null;
  const removal: Operation = { kind: "remove", environment: name };
  return containerId === null
    ? [removal]
    : [{ kind: "stop", environment: name, spec: null, containerId }, removal];
}

/** The layer stays; without a running container only what is left of it is removed. */
function farewell({ name, record, process }: Instance): readonly Operation[] {
  const spec = record.spec;
  const end: Operation = { kind: "stop", environment: name, spec, containerId: record.containerId };
  const runs = process.status === "running" || process.status === "unhealthy";
  const said = runs && spec.hooks.stopping.length > 0;
  return said ? [{ kind: "hook", environment: name, spec, point: "stopping" }, end] : [end];
}

function launch(
  spec: Environment,
  layer: { readonly fresh: boolean; readonly hooked: boolean },
): readonly Operation[] {
  const environment = spec.name;
  const steps: Operation[] = [];
  if (layer.fresh) steps.push({ kind: "prepare", environment, spec, fresh: true });
  steps.push({ kind: "create", environment, spec });
  // What the created hooks did went with the old layer.
  if ((layer.fresh || !layer.hooked) && spec.hooks.created.length > 0)
    steps.push({ kind: "hook", environment, spec, point: "created" });
  steps.push({ kind: "start", environment, spec });
  if (spec.hooks.started.length > 0) steps.push({ kind: "hook", environment, spec, point: "started" });
  return steps;
}

const begun = (spec: Environment, action: Pending["action"], fields: readonly string[] = []): Operation => ({
  kind: "record",
  environment: spec.name,
  spec,
  patch: { pending: { action, fields } },
});

const settled = (spec: Environment, patch: Partial<InstanceRecord>): Operation => ({
  kind: "record",
  environment: spec.name,
  spec,
  patch: { ...patch, pending: null },
});

function summarise(changes: readonly Change[]): Readonly<Record<Action, number>> {
  const count = (action: Action): number => changes.filter((change) => change.action === action).length;
  return Object.fromEntries(actions.map((action) => [action, count(action)])) as Record<Action, number>;
}
