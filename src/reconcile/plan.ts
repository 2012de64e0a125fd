import type { Environment } from "../model/environment.ts";
import type { Actual, Instance, InstanceRecord } from "../model/instance.ts";
import { type Action, actions, type Change, type Operation, type Plan } from "../model/plan.ts";
import { unreachable } from "../model/result.ts";

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
  for (const change of input.changes) {
    const name = change.environment;
    operations.set(
      name,
      stepsOf(change, { input, instance: instances.get(name), wanted: input.wanted.get(name) }),
    );
  }
  return { changes: input.changes, operations, summary: summarise(input.changes) };
}

/** Brings an environment back to what its record says, after a restart went wrong. */
export const restoration = (record: InstanceRecord): readonly Operation[] => [
  { kind: "stop", environment: record.name, spec: null, containerId: record.containerId },
  ...launch(record.spec, { fresh: !record.spec.persist, hooked: record.hooked }),
  settled(record.spec, { stopped: false, hooked: true }),
];

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
  ];
}

function restart(instance: Instance, wanted: Environment): readonly Operation[] {
  const { record } = instance;
  return [
    // What can fail without the old container's end fails before it.
    { kind: "prepare", environment: wanted.name, spec: wanted, fresh: false },
    begun(record.spec, "restart"),
    ...farewell(instance),
    ...launch(wanted, { fresh: !wanted.persist, hooked: record.hooked }),
    settled(wanted, { stopped: false, hooked: true }),
  ];
}

function recreate(instance: Instance, wanted: Environment): readonly Operation[] {
  return [
    { kind: "prepare", environment: wanted.name, spec: wanted, fresh: false },
    begun(instance.record.spec, "recreate"),
    ...farewell(instance),
    ...launch(wanted, { fresh: true, hooked: false }),
    settled(wanted, { stopped: false, hooked: true }),
  ];
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
  const said = process.status === "running" && spec.hooks.stopping.length > 0;
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

const begun = (
  spec: Environment,
  action: "create" | "live" | "restart" | "recreate" | "destroy",
  fields: readonly string[] = [],
): Operation => ({ kind: "record", environment: spec.name, spec, patch: { pending: { action, fields } } });

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
