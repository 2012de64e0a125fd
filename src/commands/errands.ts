import type { Goal } from "../reconcile/api.ts";
import { carryOut } from "./carry-out.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { findProject } from "./projects.ts";
import { selectionOf } from "./selection.ts";

/** The verbs that work with what was applied before, whatever the files say now. */
export const start: Verb = (invocation) => errand(invocation, "start");
export const stop: Verb = (invocation) => errand(invocation, "stop");
export const restart: Verb = (invocation) => errand(invocation, "restart");
export const destroy: Verb = (invocation) => errand(invocation, "destroy");

async function errand(invocation: Invocation, kind: Exclude<Goal["kind"], "apply">): ReturnType<Verb> {
  const selection = selectionOf(invocation);
  if (!selection.ok) return selection;
  const project = await findProject(invocation);
  if (!project.ok) return project;
  return await carryOut(invocation, project.value, { kind, ...selection.value });
}
