import type { Plan } from "../model/plan.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Confirm, Goal, Outcome } from "../reconcile/api.ts";
import { reconcile } from "../reconcile/reconcile.ts";
import { applyDocument } from "../ui/documents.ts";
import { renderPlan } from "../ui/plan.ts";
import type { Progress } from "../ui/progress.ts";
import { exitCodes, type Invocation } from "./invocation.ts";
import { makeStateDirectories, openMachinery, type Project, saveLock } from "./session.ts";

/** Is this still the plan that was agreed to before? null: nothing was; the user is asked. */
export type Agreement = ((plan: Plan) => boolean) | null;

/** Reaches a goal and tells of it: what apply, start, stop, restart and destroy have in common. */
export async function carryOut(
  invocation: Invocation,
  project: Project,
  goal: Goal,
  agreement: Agreement = null,
): Promise<Result<number, readonly Problem[]>> {
  const progress = await progressFor(invocation);
  const opened = await openMachinery(invocation, project, progress.report);
  if (!opened.ok) return opened;
  const asking = confirmation(invocation, { project, goal, progress, agreement });
  const outcome = await reconcile(opened.value, goal, asking.confirm);
  await progress.finish();
  if (outcome.kind === "declined" && agreement !== null) return failure([otherPlan]);
  if (outcome.kind === "declined" && !asking.possible) return failure([unconfirmed(invocation.command)]);
  if (outcome.kind === "done" || outcome.kind === "nothing") {
    const saved = await saveLock(project);
    if (!saved.ok) return saved;
  }
  return settle(invocation, goal, outcome);
}

async function progressFor({ terminal, globals }: Invocation): Promise<Progress> {
  const base = process.cwd();
  const { lineProgress, quietProgress } = await import("../ui/progress.ts");
  if (globals.json || globals.quiet) return quietProgress(terminal, base);
  if (!terminal.interactive) return lineProgress(terminal, base);
  const { liveProgress } = await import("../ui/live-progress.ts");
  return liveProgress(terminal, base);
}

interface Asking {
  /** There is someone to ask, or no need to. */
  readonly possible: boolean;
  readonly confirm: Confirm;
}

interface Request {
  readonly project: Project;
  readonly goal: Goal;
  readonly progress: Progress;
  readonly agreement: Agreement;
}

/** apply and destroy show their plan and ask; start, stop and restart were asked for by name. */
function confirmation(invocation: Invocation, { project, goal, progress, agreement }: Request): Asking {
  const { terminal, globals, interruption } = invocation;
  const asks = goal.kind === "apply" || goal.kind === "destroy";
  const agreed = globals.yes || !asks || agreement !== null;
  const possible = agreed || terminal.interactive;
  const confirm = async (plan: Plan): Promise<boolean> => {
    if (agreement !== null && !agreement(plan)) return false;
    if (asks && !globals.json && !globals.quiet) showPlan(plan, invocation);
    const yes = agreed || (possible && (await ask(goal.kind, interruption())));
    if (yes) {
      makeStateDirectories(project);
      // What fails here is said at the end: the file is written again then.
      await saveLock(project);
      progress.begin(plan);
    }
    return yes;
  };
  return { possible, confirm };
}

async function ask(verb: Goal["kind"], signal: AbortSignal): Promise<boolean> {
  const { askYes } = await import("../ui/prompt.ts");
  return await askYes(verb === "destroy" ? "Destroy them?" : "Apply?", signal);
}

const otherPlan: Problem = {
  code: "plan-stale",
  message: "what would be done now is not what the plan says",
  place: null,
  hint: "nothing was changed; `pavlos diff` shows what it would be, `pavlos diff --out FILE` makes a new plan",
};

const unconfirmed = (command: string): Problem => ({
  code: "not-confirmed",
  message: `${command} changes things, and there is no terminal to ask on`,
  place: null,
  hint: `look at \`pavlos diff\`, then run \`pavlos ${command} --yes\``,
});

function showPlan(plan: Plan, { terminal }: Invocation): void {
  terminal.out(renderPlan(plan, { style: terminal.outStyle, base: process.cwd(), now: new Date() }));
}

function settle(invocation: Invocation, goal: Goal, outcome: Outcome): Result<number, readonly Problem[]> {
  const { terminal, globals } = invocation;
  if (outcome.kind === "refused") return failure(outcome.problems);
  const results = outcome.kind === "done" ? outcome.results : [];
  if (globals.json) {
    terminal.out(JSON.stringify(applyDocument(outcome.plan, results, process.cwd()), null, 2));
  } else if (outcome.kind === "nothing" && !globals.quiet) {
    terminal.out(nothingToDo[goal.kind]);
  }
  if (outcome.kind === "declined") return success(exitCodes.declined);
  return success(results.every((result) => result.failure === null) ? exitCodes.fine : exitCodes.failed);
}

const nothingToDo = {
  apply: "Nothing to do: everything is as the files say.",
  start: "Nothing to start.",
  stop: "Nothing to stop.",
  restart: "Nothing to restart.",
  destroy: "Nothing to destroy.",
} as const;
