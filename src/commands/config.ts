import { didYouMean } from "../config/suggest.ts";
import type { Environment } from "../model/environment.ts";
import { failure, success } from "../model/result.ts";
import type { Places, Problem } from "../model/source.ts";
import { renderEnvironment } from "../ui/configuration.ts";
import { formatPlace } from "../ui/places.ts";
import type { Verb } from "./invocation.ts";
import { openProject } from "./session.ts";

/** `pavlos config`: what the files mean, and where each value was written. */
export const config: Verb = async (invocation) => {
  const { args, globals, terminal } = invocation;
  const project = await openProject(invocation);
  if (!project.ok) return project;
  const { desired } = project.value;
  const names = desired.environments.map(({ name }) => name);
  const unknown = args.filter((name) => !names.includes(name));
  if (unknown.length > 0) return failure(unknown.map((name) => unknownName(name, names)));
  const chosen = desired.environments.filter(({ name }) => args.length === 0 || args.includes(name));
  const placesOf = ({ name }: Environment): Places => desired.places.get(name) ?? new Map();
  if (globals.quiet) for (const { name } of chosen) terminal.out(name);
  else if (globals.json) {
    const environments = chosen.map((environment) => ({
      ...environment,
      sources: {
        ...sourcesOf(placesOf(environment)),
        ...Object.fromEntries(desired.inherited?.get(environment.name) ?? []),
      },
    }));
    terminal.out(JSON.stringify({ version: 1, project: desired.project, environments }, null, 2));
  } else {
    const blocks = chosen.map((environment) => {
      const inherited = desired.inherited?.get(environment.name);
      const source = (path: string) => inherited?.get(path) ?? sourceAt(placesOf(environment), path);
      const hints = desired.hints?.get(environment.name) ?? [];
      return renderEnvironment(environment, {
        style: terminal.outStyle,
        source,
        hints,
        all: globals.verbose,
      });
    });
    terminal.out(blocks.join("\n\n"));
  }
  return success(0);
};

/** Of the value itself, or of what it is a part of; a default was written nowhere. */
function sourceAt(places: Places, path: string): string | null {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(at.lastIndexOf("."), at.lastIndexOf("["), 0))) {
    const place = places.get(at);
    if (place !== undefined && (at === path || !holdsMap(places, at)))
      return formatPlace(place, process.cwd());
  }
  return null;
}

/** Is something below it written by itself? Then what is not is a default. */
const holdsMap = (places: Places, path: string): boolean =>
  [...places.keys()].some((key) => key.startsWith(`${path}.`));

function sourcesOf(places: Places): Readonly<Record<string, string>> {
  return Object.fromEntries([...places].map(([path, place]) => [path, formatPlace(place, process.cwd())]));
}

const unknownName = (name: string, names: readonly string[]): Problem => ({
  code: "unknown-environment",
  message: `the files name no environment \`${name}\``,
  place: null,
  ...(names.length > 0 ? { expected: names.join(", ") } : {}),
  hint: didYouMean(name, names) ?? "`pavlos config` shows all of them",
});
