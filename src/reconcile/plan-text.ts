import type { ProjectIdentity } from "../model/project.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { type PlanFile, planFileVersion } from "./plan-file.ts";

/** The text of a plan file; `format` first, so that anybody can tell what it is. */
export const printPlanFile = (file: PlanFile): string => `${JSON.stringify({ format, ...file }, null, 2)}\n`;

/** A plan from the text of a file, if it is one that this program made and this project's. */
export function parsePlanFile(
  text: string,
  expected: { readonly path: string; readonly program: string },
): Result<PlanFile, Problem> {
  const value = parse(text);
  if (value === null || value.format !== format) return failure(noPlan(expected.path));
  if (value.version !== planFileVersion || value.program !== expected.program)
    return failure(otherVersion(value, expected));
  return isPlanFile(value) ? success(value) : failure(noPlan(expected.path));
}

/** A plan of another project, or of another clone of it. */
export function foreign(file: PlanFile, project: ProjectIdentity): Problem | null {
  if (file.project.id === project.id) return null;
  return {
    code: "plan-foreign",
    message: `the plan is of the project \`${file.project.name}\` in ${file.project.root}; this is \`${project.name}\` in ${project.root}`,
    place: null,
    hint: "apply it there, or make one here with `pavlos diff --out FILE`",
  };
}

const format = "pavlos-plan";

function parse(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    // Not JSON, so no plan: the caller says so.
    return null;
  }
}

function isPlanFile(
  value: Readonly<Record<string, unknown>>,
): value is Readonly<Record<string, unknown>> & PlanFile {
  const { project, asked, environments, changes } = value;
  return (
    isObject(project) &&
    typeof project.id === "string" &&
    isObject(asked) &&
    Array.isArray(asked.files) &&
    Array.isArray(asked.profiles) &&
    isObject(environments) &&
    Array.isArray(changes)
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const noPlan = (path: string): Problem => ({
  code: "plan-unreadable",
  message: `${path} is not a plan`,
  place: null,
  expected: "a file that `pavlos diff --out FILE` wrote",
});

const otherVersion = (
  value: Readonly<Record<string, unknown>>,
  { path, program }: { readonly path: string; readonly program: string },
): Problem => ({
  code: "plan-version",
  message: `${path} was made by Pavlos ${String(value.program)} (plan version ${String(value.version)}); this is ${program} (${planFileVersion})`,
  place: null,
  hint: "make it again with `pavlos diff --out FILE`",
});
