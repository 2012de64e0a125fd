import { join } from "node:path";
import { errnoOf } from "./errno.ts";
import type { FileStatus, Files } from "./files.ts";

/** Who asks: of the process, so that tests can be anybody. */
export interface Self {
  readonly uid: number;
  readonly gid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** This process, as it was started. */
export const currentSelf = (): Self => ({
  uid: process.getuid?.() ?? 0,
  gid: process.getgid?.() ?? 0,
  env: process.env,
});

/** Is this program installed where the caller looks for programs? */
export function isInPath(files: Files, self: Self, program: string): boolean {
  const path = self.env.PATH ?? "/usr/bin:/bin";
  return path
    .split(":")
    .some((directory) => directory !== "" && reachable(files, join(directory, program)) !== null);
}

/** What the caller may not even look at (a PATH or HOME left behind by `su`) is not there for it. */
export function reachable(files: Files, path: string): FileStatus | null {
  try {
    return files.status(path);
  } catch (error) {
    if (errnoOf(error) === "EACCES") return null;
    throw error;
  }
}
