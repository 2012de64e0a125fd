import type { PackageChange } from "../../../model/files.ts";

/** One installed package, as a package manager wrote it down. */
export interface Installed {
  readonly version: string;
  /** Absolute paths; empty where they are kept elsewhere (see PackageManager.listOf). */
  readonly files: readonly string[];
}

/** By name (with the architecture where several may be installed). */
export type Database = ReadonlyMap<string, Installed>;

/** How the packages of one kind are found in a root. All is read, nothing is run. */
export interface PackageManager {
  readonly name: PackageChange["manager"];
  /** Files in which it keeps what is installed, the first that exists counts; absolute inside. */
  readonly databases: readonly string[];
  /** Its own state: nothing that anybody edits. */
  readonly own: readonly string[];
  /** `path` is on the host. Throws when it is no such database. */
  read(path: string): Database;
  /** Path of the file that lists a package's files; null: the database does. */
  listOf(name: string): string | null;
}

/** What was installed, removed or replaced. Pure. */
export function packageChanges(
  manager: PackageChange["manager"],
  before: Database,
  after: Database,
): readonly PackageChange[] {
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  return names.flatMap((name) => {
    const [from, to] = [before.get(name)?.version ?? null, after.get(name)?.version ?? null];
    return from === to ? [] : [{ manager, name, from, to }];
  });
}
