import { join } from "node:path";
import type { Files } from "../host/files.ts";
import type { Self } from "../host/self.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { StatePaths } from "./paths.ts";

/**
 * Decides where the state lies for this caller; makes only the fallback under /tmp. Root:
 * /var/lib/pavlos and /run/pavlos. Others: $XDG_DATA_HOME/pavlos and $XDG_RUNTIME_DIR/pavlos.
 * PAVLOS_HOME moves both. `home` is the caller's home directory.
 */
export function locateState(files: Files, self: Self, home: string): Result<StatePaths, Problem> {
  const moved = self.env.PAVLOS_HOME;
  if (moved)
    return absolute("PAVLOS_HOME", moved) ?? success({ data: join(moved, "data"), run: join(moved, "run") });
  if (self.uid === 0) return success({ data: "/var/lib/pavlos", run: "/run/pavlos" });
  const dataHome = self.env.XDG_DATA_HOME || join(home, ".local", "share");
  const wrong = absolute("XDG_DATA_HOME", dataHome);
  if (wrong !== null) return wrong;
  const run = runtimeDirectory(files, self);
  return run.ok ? success({ data: join(dataHome, "pavlos"), run: run.value }) : run;
}

/** Makes both directories; as an ordinary user nobody else may look inside. */
export function prepareState(files: Files, self: Self, paths: StatePaths): void {
  // Root's layers must be reachable for ids of a user namespace: search permission, no listing.
  files.makeDirectory(paths.data, self.uid === 0 ? 0o711 : 0o700);
  files.makeDirectory(paths.run, 0o700);
}

/**
 * The first that is the caller's own: $XDG_RUNTIME_DIR, /run/user/<uid> (cron and sudo do not set the
 * variable, and must find the same containers), /tmp/pavlos-<uid>.
 */
function runtimeDirectory(files: Files, self: Self): Result<string, Problem> {
  for (const candidate of [self.env.XDG_RUNTIME_DIR, `/run/user/${self.uid}`]) {
    if (candidate?.startsWith("/") && isPrivate(files, self, candidate))
      return success(join(candidate, "pavlos"));
  }
  const fallback = `/tmp/pavlos-${self.uid}`;
  if (files.status(fallback) === null) files.makeDirectory(fallback, 0o700);
  if (isPrivate(files, self, fallback)) return success(fallback);
  return failure({
    code: "runtime-directory-unsafe",
    message: `${fallback} is not a directory that only uid ${self.uid} can enter`,
    place: null,
    expected: "a directory of your own with mode 0700",
    hint: `remove it, or set XDG_RUNTIME_DIR to a private directory`,
  });
}

/** Ours, a real directory, closed to all others: /tmp is open to everybody's tricks. */
function isPrivate(files: Files, self: Self, path: string): boolean {
  const status = files.status(path);
  return status?.kind === "directory" && status.uid === self.uid && (status.mode & 0o077) === 0;
}

function absolute(variable: string, value: string): Result<never, Problem> | null {
  if (value.startsWith("/")) return null;
  return failure({
    code: "state-path-relative",
    message: `${variable} is \`${value}\`, which is not an absolute path`,
    place: null,
    expected: "an absolute path",
    hint: `export ${variable}="$PWD/${value}"`,
  });
}
