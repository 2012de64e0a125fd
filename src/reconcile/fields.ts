import type { Environment } from "../model/environment.ts";
import type { Drift, Instance } from "../model/instance.ts";
import type { FieldChange } from "../model/plan.ts";
import type { Desired } from "../model/project.ts";
import type { Place } from "../model/source.ts";
import { byLongestPrefix, type Difference, differences, same, valueAt } from "./compare.ts";
import { impactOf } from "./impact.ts";

/** Where the value at a path was written; its nearest ancestor's place when it has none of its own. */
export function placeOf(desired: Desired, environment: string, path: string): Place | null {
  const places = desired.places.get(environment);
  return byLongestPrefix(path, (prefix) => places?.get(prefix)) ?? desired.origin.get(environment) ?? null;
}

/** Three-way: what the file changed since it was last applied, joined with what the kernel says. */
export function fieldChanges(
  desired: Desired,
  wanted: Environment,
  instance: Instance,
): readonly FieldChange[] {
  const changed = differences(instance.record.spec, wanted).map((difference) =>
    ofFile(desired, wanted, difference),
  );
  const drift = instance.process.pid === null ? new Map<string, Drift>() : instance.drift;
  const drifted = [...drift].map(([path, live]) => ofDrift(desired, wanted, { path, live, instance }));
  const paths = new Set(drifted.map((change) => change.path));
  return [...changed.filter((change) => !paths.has(change.path)), ...drifted];
}

/** A field that is set again although the file did not change it. */
export function repeated(
  desired: Desired,
  wanted: Environment,
  repeat: { readonly path: string; readonly reason: string },
): FieldChange {
  const value = valueAt(wanted, repeat.path);
  return {
    path: repeat.path,
    from: value,
    to: value,
    impact: impactOf(desired.impacts, repeat.path, wanted),
    source: placeOf(desired, wanted.name, repeat.path),
    reason: repeat.reason,
  };
}

function ofFile(desired: Desired, wanted: Environment, difference: Difference): FieldChange {
  const { path, from, to } = difference;
  const impact = impactOf(desired.impacts, path, wanted);
  return { path, from, to, impact, source: placeOf(desired, wanted.name, difference.written ?? path) };
}

function ofDrift(
  desired: Desired,
  wanted: Environment,
  drifted: { readonly path: string; readonly live: Drift; readonly instance: Instance },
): FieldChange {
  const { path, live } = drifted;
  const from = valueAt(drifted.instance.record.spec, path);
  const to = valueAt(wanted, path);
  const source = placeOf(desired, wanted.name, path);
  // Somebody was faster: the kernel has the wanted value, only the record must learn it.
  if (same(live.live, to)) return { path, from, live: live.live, to, impact: "record", source };
  const impact = live.impact ?? impactOf(desired.impacts, path, wanted);
  const change = { path, from, live: live.live, to, impact, source };
  return same(from, to) ? { ...change, reason: live.reason } : change;
}
