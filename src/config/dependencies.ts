import type { Places, Problem } from "../model/source.ts";
import { didYouMean } from "./suggest.ts";

/** What is known of an environment's dependencies when all files are read. */
export interface Dependent {
  readonly name: string;
  readonly dependsOn: Readonly<Record<string, unknown>>;
  readonly places: Places;
}

/** Names that an environment cannot depend on: nobody has them, or their profiles are not active. */
export interface Others {
  readonly active: readonly Dependent[];
  /** Left out by their profiles. */
  readonly sleeping: readonly string[];
  /** Left out by -f: what runs of them counts. */
  readonly unselected: readonly string[];
}

/** Unknown names, sleeping ones, and circles: each with its place. */
export function dependencyProblems({ active, sleeping, unselected }: Others): readonly Problem[] {
  const byName = new Map(active.map((environment) => [environment.name, environment]));
  const wrongNames = active.flatMap((environment) =>
    Object.keys(environment.dependsOn).flatMap((other): readonly Problem[] => {
      if (byName.has(other) || unselected.includes(other)) return [];
      return [sleeping.includes(other) ? asleep(environment, other) : unknown(environment, other, byName)];
    }),
  );
  return [...wrongNames, ...circles(byName)];
}

function circles(byName: ReadonlyMap<string, Dependent>): readonly Problem[] {
  const done = new Set<string>();
  const problems: Problem[] = [];
  const visit = (environment: Dependent, path: readonly string[]): void => {
    const { name } = environment;
    const begin = path.indexOf(name);
    if (begin >= 0) {
      const circle = path.slice(begin);
      const last = byName.get(circle.at(-1) ?? name) ?? environment;
      problems.push(circular(last, [...circle, name]));
      return;
    }
    if (done.has(name)) return;
    for (const other of Object.keys(environment.dependsOn)) {
      const next = byName.get(other);
      if (next !== undefined) visit(next, [...path, name]);
    }
    done.add(name);
  };
  for (const environment of byName.values()) visit(environment, []);
  return problems;
}

const circular = (last: Dependent, circle: readonly string[]): Problem => ({
  code: "dependency-circle",
  message:
    circle.length === 2
      ? `\`${last.name}\` depends on itself`
      : `these environments wait for each other: ${circle.join(" -> ")}`,
  place: placeOf(last, circle.at(-1) ?? ""),
  hint: "take one of the names out of its `dependsOn`",
});

const unknown = (from: Dependent, other: string, known: ReadonlyMap<string, unknown>): Problem => ({
  code: "dependency-unknown",
  message: `\`${from.name}\` depends on \`${other}\`, which is no environment of this project`,
  place: placeOf(from, other),
  hint: didYouMean(other, known.keys()) ?? "`pavlos config` lists the environments",
});

const asleep = (from: Dependent, other: string): Problem => ({
  code: "dependency-inactive",
  message: `\`${from.name}\` depends on \`${other}\`, which takes part only in profiles that are not active`,
  place: placeOf(from, other),
  hint: `name one of its profiles with --profile, or give \`${from.name}\` the same profiles`,
});

/** In the map by its key; a list is pointed at as a whole, at the item where that can be told. */
function placeOf({ places, dependsOn }: Dependent, other: string) {
  const index = Object.keys(dependsOn).indexOf(other);
  const place =
    places.get(`dependsOn.${other}`) ?? places.get(`dependsOn[${index}]`) ?? places.get("dependsOn");
  return place ?? places.get("") ?? null;
}
