import type { Environment } from "../model/environment.ts";
import type { Actual, Instance } from "../model/instance.ts";
import type { Action, Change, Plan } from "../model/plan.ts";
import { livenessOf } from "./liveness.ts";
import { plan } from "./plan.ts";

/** What `pavlos start`, `stop`, `restart` and `destroy` do: with what is there, without the files. */
export type Errand = "start" | "stop" | "restart" | "destroy";

/** The changes of an errand over the named environments; null: all of the project. Pure. */
export function errandChanges(
  errand: Errand,
  actual: Actual,
  names: readonly string[] | null,
): readonly Change[] {
  const asked = (name: string): boolean => names === null || names.includes(name);
  const changes = actual.instances.flatMap((instance) =>
    asked(instance.name) ? (changeFor(errand, instance) ?? []) : [],
  );
  if (errand !== "destroy") return changes;
  // Named by the user, so also those that apply would not dare to clear away.
  const leftovers = actual.leftovers
    .filter((leftover) => asked(leftover.name) && (names !== null || leftover.removable))
    .map((leftover) => change(leftover.name, "destroy", leftover.reason));
  return [...changes, ...leftovers].sort((left, right) => (left.environment < right.environment ? -1 : 1));
}

export function errandPlan(changes: readonly Change[], actual: Actual): Plan {
  const wanted = new Map<string, Environment>(
    actual.instances.map((instance) => [instance.name, instance.record.spec]),
  );
  return plan({ changes, actual, wanted });
}

function changeFor(errand: Errand, instance: Instance): Change | null {
  const { name, record, process } = instance;
  if (errand === "destroy") return change(name, "destroy");
  if (errand === "stop") {
    const rests = record.stopped && process.pid === null && record.pending === null;
    return rests ? null : change(name, "stop");
  }
  const pending = record.pending?.action;
  // Its layer is in an unknown state: it begins anew, whatever was asked.
  if (pending === "create" || pending === "destroy")
    return change(name, "recreate", "an apply was interrupted");
  const liveness = livenessOf(instance);
  if (errand === "start" && liveness.kind === "up" && pending === undefined) return null;
  return change(name, "restart", liveness.kind === "down" ? liveness.reason : undefined);
}

const change = (environment: string, action: Action, reason?: string): Change => ({
  environment,
  action,
  drift: false,
  fields: [],
  ...(reason === undefined ? {} : { reason }),
  dataLost: null,
});
