import type { Actual } from "../model/instance.ts";
import type { Problem } from "../model/source.ts";
import type { Goal } from "./api.ts";

/** A problem for each name that was asked for and that nobody knows. */
export function unknownNames(goal: Goal, actual: Actual): readonly Problem[] {
  const asked = [...(goal.names ?? []), ...(goal.exclude ?? [])];
  if (asked.length === 0) return [];
  const here = [...actual.instances, ...actual.leftovers].map(({ name }) => name);
  const desired = goal.kind === "apply" ? goal.desired : null;
  const known = new Set([...here, ...(desired?.environments.map(({ name }) => name) ?? [])]);
  const inactive = new Set(desired?.inactive);
  return asked
    .filter((name) => !known.has(name) || inactive.has(name))
    .map((name) => (inactive.has(name) ? sleeping(name) : unknown(name, [...known].sort())));
}

const sleeping = (name: string): Problem => ({
  code: "profile-inactive",
  message: `\`${name}\` takes part only in profiles that are not active`,
  place: null,
  hint: "name one of them with --profile",
});

const unknown = (name: string, known: readonly string[]): Problem => ({
  code: "unknown-environment",
  message: `there is no environment \`${name}\``,
  place: null,
  ...(known.length > 0 ? { expected: `one of ${known.join(", ")}` } : {}),
  hint: "`pavlos ps` lists what exists, `pavlos config` what the files say",
});
