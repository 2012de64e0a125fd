import { carryOut } from "./carry-out.ts";
import type { Verb } from "./invocation.ts";
import { openProject } from "./session.ts";

/** `pavlos apply`: makes the machine what the files say. */
export const apply: Verb = async (invocation) => {
  const project = await openProject(invocation);
  if (!project.ok) return project;
  const names = invocation.args.length > 0 ? invocation.args : null;
  return await carryOut(invocation, project.value, { kind: "apply", desired: project.value.desired, names });
};
