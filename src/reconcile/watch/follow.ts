import { dirname } from "node:path";

/** Follows files and directories until closed. `changed` is called for each event, with nothing promised. */
export interface Follower {
  /** What is followed from now on. */
  set(files: readonly string[], directories: readonly string[]): void;
  close(): Promise<void>;
}

/**
 * Follows the directories of the files, not the files: an editor that saves by renaming replaces the
 * file, and a watch on it would be of the old one.
 */
export async function followFiles(changed: () => void): Promise<Follower> {
  const { watch } = await import("chokidar");
  let followed = followedBy([], []);
  const watcher = watch([], {
    ignoreInitial: true,
    depth: 0,
    atomic: false,
    // Of a directory full of other things only what counts is watched.
    ignored: (path) => !isRelevant(path, followed),
  });
  const handle = (path: string): void => {
    if (isRelevant(path, followed)) changed();
  };
  // One that was removed and made again is another directory: what was watched is gone.
  const appeared = (path: string): void => {
    if (followed.parents.has(path)) {
      watcher.unwatch(path);
      watcher.add(path);
    }
    handle(path);
  };
  watcher
    .on("add", handle)
    .on("change", handle)
    .on("unlink", handle)
    .on("addDir", appeared)
    .on("unlinkDir", handle);
  return {
    set(files, directories) {
      const before = followed.parents;
      followed = followedBy(files, directories);
      const after = followed.parents;
      watcher.add([...after].filter((path) => !before.has(path)));
      watcher.unwatch([...before].filter((path) => !after.has(path)));
    },
    close: () => watcher.close(),
  };
}

export interface Followed {
  readonly files: ReadonlySet<string>;
  readonly directories: ReadonlySet<string>;
  /** What is watched: everything above happens in one of these. */
  readonly parents: ReadonlySet<string>;
}

export function followedBy(files: readonly string[], directories: readonly string[]): Followed {
  // A directory that does not exist yet appears in its parent.
  const parents = [...files.map(dirname), ...directories, ...directories.map(dirname)];
  return { files: new Set(files), directories: new Set(directories), parents: new Set(parents) };
}

/** A file that was read, a new one beside such files, or a directory on the way to one. */
export function isRelevant(path: string, { files, directories, parents }: Followed): boolean {
  if (files.has(path) || parents.has(path)) return true;
  return directories.has(dirname(path)) && !isScratch(path);
}

/** What editors leave while they save: `.web.yaml.swp`, `web.yaml~`, `4913`. */
const isScratch = (path: string): boolean => /(^|\/)(\.[^/]*|[^/]*~|\d+)$/.test(path);
