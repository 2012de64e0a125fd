import { resolve } from "node:path";
import manifest from "../../package.json" with { type: "json" };
import { realFiles } from "../host/real-files.ts";
import { failure, type Result } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { samePlan, staleness } from "../reconcile/plan-file.ts";
import { foreign, parsePlanFile } from "../reconcile/plan-text.ts";
import { foresee } from "../reconcile/reconcile.ts";
import { carryOut } from "./carry-out.ts";
import { type Invocation, listOption } from "./invocation.ts";
import { openMachinery, openProject } from "./session.ts";

/** `pavlos apply PLAN`: what was planned, if everything still is as it was then. Asks nothing: the plan was looked at. */
export async function applyPlan(
  invocation: Invocation,
  path: string,
): Promise<Result<number, readonly Problem[]>> {
  const mixed = invocation.args.length > 1 || ["label", "exclude"].some((name) => has(invocation, name));
  if (mixed) return failure([alone]);
  const text = realFiles.readText(resolve(path));
  if (text === null) return failure([missing(path)]);
  const parsed = parsePlanFile(text, { path, program: manifest.version });
  if (!parsed.ok) return failure([parsed.failure]);
  const file = parsed.value;
  const { files, profiles, ...selection } = file.asked;
  const asThen = { ...invocation, globals: { ...invocation.globals, files, profiles } };
  const project = await openProject(asThen, "lookUp");
  if (!project.ok) return project;
  const other = foreign(file, project.value.identity);
  if (other !== null) return failure([other]);
  const goal = { kind: "apply", desired: project.value.desired, ...selection } as const;
  const machinery = await openMachinery(asThen, project.value, () => undefined);
  if (!machinery.ok) return machinery;
  const { actual } = await foresee(machinery.value, goal);
  const stale = staleness(file, goal, actual);
  if (stale.length > 0) return failure(stale);
  return await carryOut(asThen, project.value, goal, (plan) => samePlan(file, plan));
}

const has = (invocation: Invocation, name: string): boolean => listOption(invocation, name).length > 0;

const alone: Problem = {
  code: "usage",
  message: "a plan file says itself which environments it is about",
  place: null,
  expected: "`pavlos apply PLAN` without names, labels and exclusions",
};

const missing = (path: string): Problem => ({
  code: "plan-unreadable",
  message: `there is no file ${path}`,
  place: null,
  hint: "`pavlos diff --out FILE` writes one; names of environments have no dots and slashes",
});
