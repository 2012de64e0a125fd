import { type FSWatcher, lstatSync, readdirSync, watch } from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, isMissing } from "./errno.ts";

/** Follows trees of directories. Nothing is promised of an event but that something at its path may have changed. */
export interface TreeFollower {
  /** What is followed from now on: files or directories, absolute; what is not there yet is followed once it is. */
  set(paths: readonly string[]): void;
  close(): void;
}

export interface TreeOptions {
  /** Directories that are left out, with all that is below. */
  readonly ignored: (directory: string) => boolean;
  /** A file that was there when its directory was taken up. */
  readonly found: (path: string) => void;
  readonly changed: (path: string) => void;
  /** No more directories can be followed: the reason. */
  readonly exhausted: (reason: string) => void;
}

/** One watch for each directory: files need none of their own, and a saved file may be a new one. */
export function followTrees(options: TreeOptions): TreeFollower {
  const watchers = new Map<string, FSWatcher>();
  let roots: readonly string[] = [];
  const drop = (leaves: (path: string) => boolean): void => {
    for (const [path, watcher] of watchers) {
      if (!leaves(path)) continue;
      watcher.close();
      watchers.delete(path);
    }
  };
  const seen = (path: string): void => {
    const status = lstatSync(path, { throwIfNoEntry: false });
    const isTree = roots.some((root) => isWithin(path, root));
    // One that was moved here or made anew is another directory: what was watched is gone.
    if (!status?.isDirectory() || isTree) drop((watched) => isWithin(watched, path));
    if (!status?.isDirectory()) options.changed(path);
    else if (isTree) takeUp(path, options.changed);
  };
  const follow = (directory: string): boolean => {
    if (watchers.has(directory)) return false;
    try {
      const watcher = watch(directory, (_event, name) => {
        if (name !== null) seen(join(directory, name));
      });
      watcher.on("error", () => drop((path) => path === directory));
      watchers.set(directory, watcher);
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      if (errnoOf(error) !== "ENOSPC" && errnoOf(error) !== "EMFILE") throw error;
      options.exhausted("the kernel follows no more directories: raise fs.inotify.max_user_watches");
      return false;
    }
  };
  const takeUp = (directory: string, found: (path: string) => void): void => {
    if (options.ignored(directory) || !follow(directory)) return;
    for (const entry of entries(directory)) {
      if (entry.isDirectory()) takeUp(join(directory, entry.name), found);
      else found(join(directory, entry.name));
    }
  };
  return {
    set(paths) {
      roots = paths;
      const parents = new Set(paths.map((path) => dirname(path)));
      drop((path) => !parents.has(path) && !paths.some((root) => isWithin(path, root)));
      for (const path of paths) {
        const isDirectory = lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
        if (isDirectory) takeUp(path, options.found);
        else options.found(path);
        // A file, and a directory that is made anew, is seen in the one around it.
        follow(dirname(path));
      }
    },
    close: () => drop(() => true),
  };
}

const isWithin = (path: string, directory: string): boolean =>
  path === directory || path.startsWith(`${directory}/`);

function entries(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch {
    // Removed meanwhile, or closed to us: there is nothing to follow in it.
    return [];
  }
}
