import type { Actual } from "../model/instance.ts";
import type { Problem } from "../model/source.ts";
import type { Goal } from "./api.ts";
import { unknownNames } from "./names.ts";

/** Which environments of a goal are meant; all conditions count together. */
export interface Selection {
  /** Only these; null: all. One that nobody knows is a problem. */
  readonly names: readonly string[] | null;
  /** Only those that have all of these labels. */
  readonly labels?: readonly LabelMatch[];
  /** None of these. One that nobody knows is a problem. */
  readonly exclude?: readonly string[];
}

export interface LabelMatch {
  readonly key: string;
  /** null: whatever its value. */
  readonly value: string | null;
}

export interface Narrowed {
  /** The goal with its conditions resolved to names. */
  readonly goal: Goal;
  /** Names, or labels, that nobody knows. */
  readonly problems: readonly Problem[];
}

/** Resolves labels and exclusions against what the files and the records say. Pure. */
export function narrow(goal: Goal, actual: Actual): Narrowed {
  const { labels = [], exclude = [] } = goal;
  const problems = unknownNames(goal, actual);
  if (labels.length === 0 && exclude.length === 0) return { goal, problems };
  const { names } = goal;
  const chosen = candidates(goal, actual)
    .filter(({ name }) => names === null || names.includes(name))
    .filter(({ name }) => !exclude.includes(name))
    .filter((candidate) => labels.every((label) => hasLabel(candidate.labels, label)))
    .map(({ name }) => name);
  const nobody = labels.length > 0 && chosen.length === 0 ? [unlabelled(labels)] : [];
  return { goal: { ...goal, names: chosen }, problems: [...problems, ...nobody] };
}

interface Candidate {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What the files say of its labels counts before what was applied; a leftover that may hold data is never meant. */
function candidates(goal: Goal, actual: Actual): readonly Candidate[] {
  const found = new Map<string, Candidate["labels"]>();
  for (const { name, removable } of actual.leftovers) if (removable) found.set(name, {});
  for (const { name, record } of actual.instances) found.set(name, record.spec.labels);
  const wanted = goal.kind === "apply" ? goal.desired.environments : [];
  for (const { name, labels } of wanted) found.set(name, labels);
  const inactive = new Set(goal.kind === "apply" ? goal.desired.inactive : []);
  return [...found].filter(([name]) => !inactive.has(name)).map(([name, labels]) => ({ name, labels }));
}

const hasLabel = (labels: Candidate["labels"], { key, value }: LabelMatch): boolean =>
  Object.hasOwn(labels, key) && (value === null || labels[key] === value);

function unlabelled(labels: readonly LabelMatch[]): Problem {
  const words = labels.map(({ key, value }) => (value === null ? key : `${key}=${value}`)).join(" and ");
  return {
    code: "no-such-label",
    message: `no environment has the label ${words}`,
    place: null,
    hint: "`pavlos config` shows the labels of all environments",
  };
}
