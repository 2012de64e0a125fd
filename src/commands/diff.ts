import { resolve } from "node:path";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Goal, Prospect } from "../reconcile/api.ts";
import { foresee } from "../reconcile/reconcile.ts";
import { diffDocument } from "../ui/documents.ts";
import { renderPlan } from "../ui/plan.ts";
import { exitCodes, type Invocation, textOption, type Verb } from "./invocation.ts";
import { selectionOf } from "./selection.ts";
import { openMachinery, openProject } from "./session.ts";

/** `pavlos diff`: the plan, and exit code 2 when there is one. Changes nothing. */
export const diff: Verb = async (invocation) => {
  const { options, globals, terminal } = invocation;
  if (options.files === true) return (await import("./diff-files.ts")).diffFiles(invocation);
  const selection = selectionOf(invocation);
  if (!selection.ok) return selection;
  const project = await openProject(invocation, "lookUp");
  if (!project.ok) return project;
  const machinery = await openMachinery(invocation, project.value, () => undefined);
  if (!machinery.ok) return machinery;
  const goal = { kind: "apply", desired: project.value.desired, ...selection.value } as const;
  const prospect = await foresee(machinery.value, goal);
  const { plan, problems } = prospect;
  if (problems.length > 0) return failure(problems);
  const kept = await keep(invocation, goal, prospect);
  if (!kept.ok) return kept;
  const base = process.cwd();
  const some = plan.changes.length > 0;
  if (globals.json) terminal.out(JSON.stringify(diffDocument(plan, base), null, 2));
  else if (some && !globals.quiet)
    terminal.out(renderPlan(plan, { style: terminal.outStyle, base, now: new Date() }));
  else if (!globals.quiet) terminal.out("Nothing to do: everything is as the files say.");
  return success(some ? exitCodes.changes : exitCodes.fine);
};

/** --out: the plan with what it was made from, readable by the caller alone: it holds env. */
async function keep(
  invocation: Invocation,
  goal: Extract<Goal, { kind: "apply" }>,
  prospect: Prospect,
): Promise<Result<void, readonly Problem[]>> {
  const path = textOption(invocation, "out");
  if (path === null) return success(undefined);
  const [{ planFile }, { printPlanFile }, { realFiles }, { reasonOf }, { default: manifest }] =
    await Promise.all([
      import("../reconcile/plan-file.ts"),
      import("../reconcile/plan-text.ts"),
      import("../host/real-files.ts"),
      import("../host/errno.ts"),
      import("../../package.json", { with: { type: "json" } }),
    ]);
  const { desired: _, kind: _kind, ...selection } = goal;
  const { files, profiles } = invocation.globals;
  const asked = { ...selection, files: files.map((file) => resolve(file)), profiles };
  const file = planFile({ goal, prospect, asked, program: manifest.version, now: new Date() });
  try {
    realFiles.replace(resolve(path), printPlanFile(file));
    return success(undefined);
  } catch (error) {
    const message = `the plan cannot be written to ${path}: ${reasonOf(error)}`;
    return failure([
      { code: "plan-not-written", message, place: null, hint: "name another file with --out" },
    ]);
  }
}
