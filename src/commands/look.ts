import type { Environment } from "../model/environment.ts";
import type { Instance } from "../model/instance.ts";
import { type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { glance } from "../reconcile/reconcile.ts";
import type { Invocation } from "./invocation.ts";
import { openMachinery, openProject, type Project } from "./session.ts";

export interface Look {
  readonly instances: readonly Instance[];
  /** What the files name and nobody has made yet. */
  readonly unmade: readonly Environment[];
  /** What is wrong with the files; what exists is seen all the same. */
  readonly problems: readonly Problem[];
}

/** What a project has, as the kernel sees it; with `files` also what it could have. */
export async function lookAt(
  invocation: Invocation,
  project: Project,
  files: "with files" | "without files",
): Promise<Result<Look, readonly Problem[]>> {
  const machinery = await openMachinery(invocation, project, () => undefined);
  if (!machinery.ok) return machinery;
  const instances = await glance(machinery.value);
  if (files === "without files") return success({ instances, unmade: [], problems: [] });
  const loaded = await openProject(invocation);
  if (!loaded.ok) return success({ instances, unmade: [], problems: loaded.failure });
  const made = new Set(instances.map(({ name }) => name));
  const unmade = loaded.value.desired.environments.filter(({ name }) => !made.has(name));
  return success({ instances, unmade, problems: [] });
}
