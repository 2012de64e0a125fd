import type { Happening } from "../model/happening.ts";

/** Lines of a supervisor's events.jsonl. The last one may be half-written; what is no event is passed over. Pure. */
export const parseEvents = (text: string): readonly Happening[] =>
  lines(text).flatMap((line) => supervised(line) ?? []);

/** What of a project's journal is worth telling: steps that failed, and those that nobody finished. Pure. */
export function parseJournal(text: string): readonly Happening[] {
  const begun = new Map<string, Happening>();
  const found: Happening[] = [];
  for (const line of lines(text)) {
    const { at, environment, operation, state, failure } = line;
    if (typeof at !== "string" || typeof environment !== "string" || typeof operation !== "string") continue;
    const happening = { time: at, environment, by: "apply", facts: {} } as const;
    if (state === "begin") begun.set(environment, { ...happening, kind: `${operation} began` });
    else begun.delete(environment);
    if (state === "failed")
      found.push({ ...happening, kind: `${operation} failed`, facts: { output: String(failure ?? "") } });
  }
  return [...found, ...begun.values()];
}

/** Oldest first; at the same moment in the order of the sources. */
export const inOrder = (happenings: readonly Happening[]): readonly Happening[] =>
  [...happenings].sort((left, right) => Date.parse(left.time) - Date.parse(right.time));

type Line = Readonly<Record<string, unknown>>;

function lines(text: string): readonly Line[] {
  return text.split("\n").flatMap((line) => {
    if (!line.startsWith("{")) return [];
    try {
      const value: unknown = JSON.parse(line);
      return typeof value === "object" && value !== null ? [value as Line] : [];
    } catch {
      // Cut off in the middle of writing: the next look has it whole.
      return [];
    }
  });
}

function supervised({ time, environment, container: _, kind, ...rest }: Line): Happening | null {
  if (typeof time !== "string" || typeof environment !== "string" || typeof kind !== "string") return null;
  const facts = Object.entries(rest).filter(
    (entry): entry is [string, string | number] =>
      typeof entry[1] === "string" || typeof entry[1] === "number",
  );
  return { time, environment, by: "supervisor", kind, facts: Object.fromEntries(facts) };
}
