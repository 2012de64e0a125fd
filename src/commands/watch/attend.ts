import { relative } from "node:path";
import { contentOf } from "../../host/content.ts";
import { followTrees } from "../../host/follow-tree.ts";
import { realFiles } from "../../host/real-files.ts";
import type { WatchRule } from "../../model/environment.ts";
import type { Desired } from "../../model/project.ts";
import { type Ignored, type IgnoreFile, ignoredBy, patternsOf } from "../../reconcile/watch/ignore.ts";
import {
  type ChangedFile,
  directoriesTo,
  type Errands,
  errandsFor,
  isWithin,
  watchedPaths,
} from "../../reconcile/watch/rules.ts";

/** Follows what the `watch` rules name. */
export interface Attendant {
  /** The rules from now on. */
  set(desired: Desired): void;
  close(): Promise<void>;
}

export interface Attendance {
  /** Directory of the project: .gitignore files count from here on. */
  readonly root: string;
  readonly run: (errands: readonly Errands[]) => Promise<void>;
  readonly complain: (message: string) => void;
}

/** Editors and compilers write in bursts: wait for quiet, but not for ever. */
const quiet = 40;
const longest = 400;

/** Runs what the rules ask for once the content of files has changed; one batch after another. */
export function attendRules({ root, run, complain }: Attendance): Attendant {
  let desired: Desired | null = null;
  let leftOut = makeLeftOut(root);
  const known = new Map<string, string | null>();
  const touched = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let first = 0;
  let working: Promise<void> = Promise.resolve();
  const rules = (): readonly WatchRule[] => desired?.environments.flatMap(({ watch }) => watch) ?? [];
  const covering = (path: string): readonly WatchRule[] =>
    rules().filter((rule) => isWithin(path, rule.path));
  const work = (): void => {
    first = 0;
    leftOut = makeLeftOut(root);
    const changed = [...touched].flatMap((path) => changeOf(known, path) ?? []);
    touched.clear();
    const errands = errandsFor(desired?.environments ?? [], changed, leftOut);
    if (errands.length > 0) working = working.then(() => run(errands));
  };
  const follower = followTrees({
    ignored: (directory) => {
      const own = covering(directory);
      return own.every((rule) => directory !== rule.path && leftOut(rule, directory, "directory"));
    },
    found: (path) => void known.set(path, contentOf(path)),
    changed: (path) => {
      if (covering(path).length === 0) return;
      touched.add(path);
      first ||= Date.now();
      clearTimeout(timer);
      timer = setTimeout(work, Math.min(quiet, Math.max(0, first + longest - Date.now())));
    },
    exhausted: complain,
  });
  return {
    set(loaded) {
      desired = loaded;
      leftOut = makeLeftOut(root);
      follower.set(watchedPaths(loaded.environments));
    },
    async close() {
      clearTimeout(timer);
      follower.close();
      await working;
    },
  };
}

/** Null: its content is as it was. */
function changeOf(known: Map<string, string | null>, path: string): ChangedFile | null {
  const content = contentOf(path);
  const before = known.get(path);
  if (content === null) known.delete(path);
  else known.set(path, content);
  return content === (before ?? null) ? null : { path, gone: content === null };
}

/** By the rule's own patterns and the .gitignore files between the project's root and the path. */
function makeLeftOut(root: string) {
  const own = new Map<WatchRule, Ignored>();
  const files = new Map<string, IgnoreFile | null>();
  const fileIn = (directory: string): IgnoreFile | null => {
    const cached = files.get(directory);
    if (cached !== undefined) return cached;
    const text = realFiles.readText(`${directory}/.gitignore`);
    const below = relative(root, directory);
    const base = below === "" ? "" : `${below}/`;
    const file = text === null ? null : { base, patterns: patternsOf(text) };
    files.set(directory, file);
    return file;
  };
  return (rule: WatchRule, path: string, kind: "file" | "directory" = "file"): boolean => {
    if (/(^|\/)\.git(\/|$)/.test(path)) return true;
    const ignored = own.get(rule) ?? ignoredBy([{ base: "", patterns: rule.ignore }]);
    own.set(rule, ignored);
    if (path !== rule.path && ignored(relative(rule.path, path), kind)) return true;
    if (!isWithin(path, root) || path === root) return false;
    const between = directoriesTo(path, root).flatMap((directory) => fileIn(directory) ?? []);
    return between.length > 0 && ignoredBy(between)(relative(root, path), kind);
  };
}
