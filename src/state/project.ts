import { isFull, reasonOf } from "../host/errno.ts";
import type { Files } from "../host/files.ts";
import type { InstanceRecord, Leftover } from "../model/instance.ts";
import type { ProjectIdentity } from "../model/project.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { type Journal, openJournal } from "./journal.ts";
import type { Lock, Locker, LockOptions } from "./lock.ts";
import { environmentPaths, projectPath, type StatePaths } from "./paths.ts";
import { parseRecord, printRecord } from "./records.ts";

/** The state directory of one project. Everything that it touches is below that. */
export interface ProjectState {
  /** Sorted by name; what is there without a readable record is a leftover. */
  readRecords(): Records;
  /** Makes the environment's directory too. */
  writeRecord(record: InstanceRecord, durability: "durable" | "quick"): Promise<Result<void, Problem>>;
  /** Removes an environment's directory, its record last. Providers have removed theirs before. */
  removeEnvironment(name: string): Promise<Result<void, Problem>>;
  /** Removes the project's directory when no environment is left in it. Only while locked. */
  removeIfEmpty(): Promise<void>;
  lock(options: LockOptions): Promise<Result<Lock, Problem>>;
  /** Only while locked. */
  readonly journal: Journal;
}

export interface Records {
  readonly records: readonly InstanceRecord[];
  readonly leftovers: readonly Leftover[];
}

export interface StateTools {
  readonly files: Files;
  readonly locker: Locker;
  readonly paths: StatePaths;
  readonly now: () => Date;
}

/** Makes nothing yet: looking at a project leaves no trace. */
export function openProjectState(project: ProjectIdentity, tools: StateTools): ProjectState {
  const { files, paths } = tools;
  const directory = projectPath(paths, project.id);
  return {
    readRecords: () => readRecords(files, directory),
    writeRecord: (record, durability) =>
      attempt(`the record of ${record.name} cannot be written`, async () => {
        const { directory: own, record: path } = environmentPaths(paths, project.id, record.name);
        files.makeDirectory(own, 0o711);
        if (durability === "durable") await files.replaceDurably(path, printRecord(record));
        else files.replace(path, printRecord(record));
      }),
    removeEnvironment: (name) =>
      attempt(`what is left of ${name} cannot be removed`, () =>
        removeDirectory(files, `${directory}/${name}`),
      ),
    async removeIfEmpty() {
      if (!(files.list(directory) ?? []).some((name) => isDirectory(files, `${directory}/${name}`)))
        await files.remove(directory);
    },
    async lock(options) {
      const identity = { version: 1, name: project.name, root: project.root };
      const lock = await tools.locker(`${directory}/project.lock`, options);
      if (!lock.ok) return lock;
      const path = `${directory}/project.json`;
      const text = `${JSON.stringify(identity)}\n`;
      const named = await attempt(`${directory} cannot be written to`, async () => {
        files.makeDirectory(directory, 0o711);
        // On a full disk nothing can be written anew, but `destroy` has to be possible.
        if (files.readText(path) !== text) files.replace(path, text);
      });
      if (named.ok) return lock;
      lock.value.release();
      return named;
    },
    journal: openJournal(files, `${directory}/journal.jsonl`, tools.now),
  };
}

/** What `directory` (of one project) holds; looking takes no lock. */
export function readRecords(files: Files, directory: string): Records {
  const records: InstanceRecord[] = [];
  const leftovers: Leftover[] = [];
  for (const name of files.list(directory) ?? []) {
    // The project's own files: no environment has a dot in its name.
    if (name.includes(".")) continue;
    const text = files.readText(`${directory}/${name}/record.json`);
    if (text === null && !isDirectory(files, `${directory}/${name}`)) continue;
    const parsed = parseRecord(text, name);
    if (parsed.ok) {
      records.push(parsed.value);
      continue;
    }
    const { reason, foreign } = parsed.failure;
    const removable = !foreign && !holdsData(files, `${directory}/${name}/upper`);
    leftovers.push({ name, reason, removable, containerId: null });
  }
  return { records, leftovers };
}

/** Did anybody write into one of the layers? What cannot be looked into counts as data. */
function holdsData(files: Files, upper: string): boolean {
  try {
    return (files.list(upper) ?? []).some((layer) => files.list(`${upper}/${layer}`)?.length !== 0);
  } catch {
    return true;
  }
}

const isDirectory = (files: Files, path: string): boolean => files.status(path)?.kind === "directory";

/** The record goes last: until then the directory belongs to somebody. */
async function removeDirectory(files: Files, directory: string): Promise<void> {
  for (const entry of files.list(directory) ?? []) {
    if (entry !== "record.json") await files.remove(`${directory}/${entry}`);
  }
  await files.remove(directory);
}

async function attempt(what: string, work: () => Promise<void>): Promise<Result<void, Problem>> {
  try {
    await work();
    return success(undefined);
  } catch (error) {
    const hint = "make room or set the permissions right, then run `pavlos apply` again";
    const code = isFull(error) ? "disk-full" : "state-not-writable";
    return failure({ code, message: `${what}: ${reasonOf(error)}`, place: null, hint });
  }
}
