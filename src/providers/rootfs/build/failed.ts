import type { Problem } from "../../../model/source.ts";
import { errorOf } from "../../../native/native.ts";
import type { StackRequest } from "../source.ts";
import { describeStep, type PlannedStep } from "./plan.ts";
import type { StepOutcome } from "./runner.ts";

/** How many of its last lines a failed step shows. */
const shownLines = 15;

/** A step that ended with another code than 0, at the place where it was written. */
export function failedStep(
  { environment, context }: StackRequest,
  { index, step }: PlannedStep,
  { outcome, lines }: { readonly outcome: StepOutcome; readonly lines: readonly string[] },
): Problem {
  const place = context.place(environment.name, `rootfs.steps[${index}]`);
  const title = `step ${index + 1} of ${environment.name} (${describeStep(step)})`;
  if (outcome.code === 125) {
    const error = errorOf({ code: 125, stdout: "", stderr: outcome.stderr });
    return {
      code: "step-not-started",
      message: `${title} cannot be started: ${error.step} ${error.subject}: ${error.reason}`,
      place,
      ...(error.hint ? { hint: error.hint } : {}),
    };
  }
  const text = lines.join("\n");
  const missing =
    step.kind === "packages"
      ? /Unable to locate package (\S+)|(\S+) \(no such package\)|No match for argument: (\S+)/.exec(text)
      : null;
  if (missing !== null)
    return {
      code: "unknown-package",
      message: `there is no package ${missing[1] ?? missing[2] ?? missing[3]} for ${title}`,
      place: context.place(environment.name, `rootfs.steps[${index}].packages`),
      hint: "correct its name, or add the archive that has it in a step before",
    };
  const output = lines.filter((line) => line.trim() !== "").slice(-shownLines);
  return {
    code: "step-failed",
    message: `${title} ended with ${outcome.code}${output.length > 0 ? "; its last lines:" : " and printed nothing"}`,
    output,
    place,
    hint: `correct the step; \`pavlos build ${environment.name} --shell-on-failure\` opens a shell where it failed`,
  };
}
