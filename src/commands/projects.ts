import { dirname } from "node:path";
import { discover } from "../config/discover.ts";
import { realConfigReader } from "../host/real-config-reader.ts";
import { realFiles } from "../host/real-files.ts";
import type { ProjectIdentity } from "../model/project.ts";
import { type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { projectPath, projectsPath, type StatePaths } from "../state/paths.ts";
import type { Invocation } from "./invocation.ts";
import { openPlace, openProject, type Project } from "./session.ts";

/**
 * The project that the caller stands in, for verbs that work with what was applied: found by its
 * directory, without reading its files; they may be broken.
 */
export async function findProject(invocation: Invocation): Promise<Result<Project, readonly Problem[]>> {
  const place = openPlace();
  if (!place.ok) return place;
  const cwd = process.cwd();
  const home = place.value.host.caller.home;
  const found = discover({ cwd, files: invocation.globals.files, home, reader: realConfigReader });
  const recorded = recordedIdentities(place.value.paths);
  const here = recorded.filter(({ root }) => (found.ok ? root === found.value.root : isAbove(root, cwd)));
  const [identity] = here;
  if (here.length === 1 && identity !== undefined) return success({ ...place.value, identity });
  // None yet, or one for each name that pavlos.config.ts ever gave it: only the files tell.
  return await openProject(invocation);
}

/** Every project of this caller that has something on this machine, sorted by name. */
export function recordedProjects(): Result<readonly Project[], readonly Problem[]> {
  const place = openPlace();
  if (!place.ok) return place;
  return success(recordedIdentities(place.value.paths).map((identity) => ({ ...place.value, identity })));
}

function recordedIdentities(paths: StatePaths): readonly ProjectIdentity[] {
  const ids = realFiles.list(projectsPath(paths)) ?? [];
  const identities = ids.flatMap((id) => identityOf(paths, id) ?? []);
  return identities.sort((left, right) => (left.id < right.id ? -1 : 1));
}

function identityOf(paths: StatePaths, id: string): ProjectIdentity | null {
  const text = realFiles.readText(`${projectPath(paths, id)}/project.json`);
  if (text === null) return null;
  try {
    const { name, root }: { name?: unknown; root?: unknown } = JSON.parse(text);
    return typeof name === "string" && typeof root === "string" ? { id, name, root } : null;
  } catch {
    // Half-written by a crash: the next apply writes it anew.
    return null;
  }
}

function isAbove(root: string, directory: string): boolean {
  for (let at = directory; ; at = dirname(at)) {
    if (at === root) return true;
    if (at === dirname(at)) return false;
  }
}
