import type { Environment } from "../model/environment.ts";
import type { Actual } from "../model/instance.ts";
import type { Action, Change } from "../model/plan.ts";

export interface OrderInput {
  readonly changes: readonly Change[];
  readonly actual: Actual;
  readonly wanted: ReadonlyMap<string, Environment>;
}

export interface Order {
  /** All names, such that nobody waits for one that comes later. */
  readonly sequence: readonly string[];
  /** For which names an environment waits before it starts: what it depends on. */
  readonly startsAfter: ReadonlyMap<string, readonly string[]>;
  /** And before it is stopped for good: what depends on it and is stopped as well. */
  readonly stopsAfter: ReadonlyMap<string, readonly string[]>;
}

/**
 * Starts follow the wanted dependencies, stops the applied ones backwards. Records of different times
 * may wait for each other in a circle, although no file ever said so: there an edge is left out. Pure.
 */
export function orderOf(input: OrderInput): Order {
  const changes = new Map(input.changes.map((change) => [change.environment, change]));
  const dependents = dependentsIn(input.actual);
  const startsAfter = new Map<string, readonly string[]>();
  const stopsAfter = new Map<string, readonly string[]>();
  const sequence: string[] = [];
  const open = new Set<string>();
  const done = new Set<string>();
  /** False: it waits for whoever asks. */
  const visit = (name: string): boolean => {
    if (open.has(name)) return false;
    const change = changes.get(name);
    if (change === undefined || done.has(name)) return true;
    open.add(name);
    if (starts(change.action)) {
      const others = Object.keys(input.wanted.get(name)?.dependsOn ?? {}).sort();
      startsAfter.set(name, others.filter(visit));
    }
    if (ends(change.action)) {
      const others = (dependents.get(name) ?? []).filter((other) => stops(changes.get(other)?.action));
      stopsAfter.set(name, others.filter(visit));
    }
    open.delete(name);
    done.add(name);
    sequence.push(name);
    return true;
  };
  for (const name of changes.keys()) visit(name);
  return { sequence, startsAfter, stopsAfter };
}

const starts = (action: Action): boolean =>
  action === "create" || action === "restart" || action === "recreate";

/** It is stopped and stays so. */
const ends = (action: Action): boolean => action === "stop" || action === "destroy";

const stops = (action: Action | undefined): boolean =>
  action === "stop" || action === "destroy" || action === "restart" || action === "recreate";

/** By name, who was applied as depending on it. */
function dependentsIn(actual: Actual): ReadonlyMap<string, readonly string[]> {
  const dependents = new Map<string, string[]>();
  for (const { name, record } of actual.instances) {
    for (const other of Object.keys(record.spec.dependsOn))
      dependents.set(other, [...(dependents.get(other) ?? []), name]);
  }
  return dependents;
}
