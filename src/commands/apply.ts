import { carryOut } from "./carry-out.ts";
import type { Verb } from "./invocation.ts";
import { selectionOf } from "./selection.ts";
import { openProject } from "./session.ts";

/** `pavlos apply`: makes the machine what the files say, or what a plan file said. */
export const apply: Verb = async (invocation) => {
  const [first = ""] = invocation.args;
  // Names of environments have neither.
  if (/[./]/.test(first)) return (await import("./apply-plan.ts")).applyPlan(invocation, first);
  const selection = selectionOf(invocation);
  if (!selection.ok) return selection;
  const project = await openProject(invocation, "lookUp");
  if (!project.ok) return project;
  const { desired } = project.value;
  return await carryOut(invocation, project.value, {
    kind: "apply",
    desired,
    ...selection.value,
    // commander's word for --no-rollback
    ...(invocation.options.rollback === false ? { afterFailure: "leave" } : {}),
  });
};
