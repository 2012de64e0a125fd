import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import { driversPath, environmentPaths, projectPath, projectsPath } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";
import { storedPath } from "./stored.ts";

/**
 * Directories of drivers, absolute, that no environment of this caller has mounted: those of drivers before
 * an update, and what a killed process left. `grace` in milliseconds: younger ones are about to be used.
 */
export function unusedDrivers(
  tools: Pick<Tools, "files" | "paths">,
  { now, grace }: { readonly now: number; readonly grace: number },
): readonly string[] {
  const { files, paths } = tools;
  const old = trees
    .list(driversPath(paths))
    .map((name) => join(driversPath(paths), name))
    .filter((directory) => now - (trees.stats(directory)?.mtimeMs ?? now) > grace);
  if (old.length === 0) return [];
  const stored = trees
    .list(projectsPath(paths))
    .flatMap((project) =>
      trees
        .list(projectPath(paths, project))
        .map((name) => files.readText(storedPath(environmentPaths(paths, project, name)))),
    );
  // Itself or something in it is a mount's source.
  const beginning = (directory: string) => JSON.stringify(directory).slice(0, -1);
  return old.filter((directory) => !stored.some((text) => text?.includes(beginning(directory))));
}
