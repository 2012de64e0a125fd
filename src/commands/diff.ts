import { failure, success } from "../model/result.ts";
import { foresee } from "../reconcile/reconcile.ts";
import { diffDocument } from "../ui/documents.ts";
import { renderPlan } from "../ui/plan.ts";
import { exitCodes, type Verb } from "./invocation.ts";
import { openMachinery, openProject } from "./session.ts";

/** `pavlos diff`: the plan, and exit code 2 when there is one. Changes nothing. */
export const diff: Verb = async (invocation) => {
  const { args, options, globals, terminal } = invocation;
  if (options.files === true) return (await import("./diff-files.ts")).diffFiles(invocation);
  const project = await openProject(invocation);
  if (!project.ok) return project;
  const machinery = await openMachinery(invocation, project.value, () => undefined);
  if (!machinery.ok) return machinery;
  const names = args.length > 0 ? args : null;
  const { plan, problems } = await foresee(machinery.value, {
    kind: "apply",
    desired: project.value.desired,
    names,
  });
  if (problems.length > 0) return failure(problems);
  const base = process.cwd();
  const some = plan.changes.length > 0;
  if (globals.json) terminal.out(JSON.stringify(diffDocument(plan, base), null, 2));
  else if (some && !globals.quiet)
    terminal.out(renderPlan(plan, { style: terminal.outStyle, base, now: new Date() }));
  else if (!globals.quiet) terminal.out("Nothing to do: everything is as the files say.");
  return success(some ? exitCodes.changes : exitCodes.fine);
};
