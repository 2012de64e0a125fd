import { dirname, join } from "node:path";
import type { Environment, WatchRule } from "../../model/environment.ts";
import { unreachable } from "../../model/result.ts";

/** A file that changed below the path of rules. */
export interface ChangedFile {
  /** Absolute. */
  readonly path: string;
  readonly gone: boolean;
}

/** What the rules of one environment ask for. */
export interface Errands {
  readonly environment: string;
  readonly rebuild: boolean;
  readonly restart: boolean;
  readonly copies: readonly Copy[];
  /** In the order of the file. */
  readonly commands: readonly (readonly string[])[];
  /** The files for which it is done, absolute. */
  readonly because: readonly string[];
}

export interface Copy {
  /** Absolute, on the host; null: it is gone. */
  readonly from: string | null;
  /** Absolute, inside. */
  readonly to: string;
}

/** Does a rule (by its identity) leave a path out? */
export type LeftOut = (rule: WatchRule, path: string) => boolean;

/** What is to be done for changed files. A rebuild makes the rest needless, as does a restart commands. Pure. */
export function errandsFor(
  environments: readonly Environment[],
  changed: readonly ChangedFile[],
  leftOut: LeftOut,
): readonly Errands[] {
  return environments.flatMap((environment) => errandsOf(environment, changed, leftOut) ?? []);
}

/** Absolute directories that must be followed for these rules: a file is seen in the one around it. */
export const watchedPaths = (environments: readonly Environment[]): readonly string[] => [
  ...new Set(environments.flatMap(({ watch }) => watch.map(({ path }) => path))),
];

function errandsOf(
  { name, watch }: Environment,
  changed: readonly ChangedFile[],
  leftOut: LeftOut,
): Errands | null {
  const because = new Set<string>();
  const copies = new Map<string, Copy>();
  const commands: (readonly string[])[] = [];
  let [rebuild, restart] = [false, false];
  for (const rule of watch) {
    const own = changed.filter(({ path }) => isWithin(path, rule.path) && !leftOut(rule, path));
    if (own.length === 0) continue;
    for (const { path } of own) because.add(path);
    switch (rule.action) {
      case "rebuild":
        rebuild = true;
        break;
      case "restart":
        restart = true;
        break;
      case "exec":
        commands.push(rule.command);
        break;
      case "sync":
        for (const file of own) {
          const to = join(rule.target, file.path.slice(rule.path.length));
          copies.set(to, { from: file.gone ? null : file.path, to });
        }
        break;
      default:
        unreachable(rule);
    }
  }
  if (because.size === 0) return null;
  const errands = { environment: name, because: [...because] };
  if (rebuild) return { ...errands, rebuild, restart: false, copies: [], commands: [] };
  return { ...errands, rebuild, restart, copies: [...copies.values()], commands };
}

export const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);

/** The directories from a path's own up to a root, for the ignore files in them; outermost first. */
export function directoriesTo(path: string, root: string): readonly string[] {
  const found: string[] = [];
  for (let at = dirname(path); isWithin(at, root); at = dirname(at)) {
    found.unshift(at);
    if (at === dirname(at)) break;
  }
  return found;
}
