import type { Operation } from "../model/plan.ts";
import { failure, type Result } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { refusalOf } from "../state/refusals.ts";
import type { Machinery } from "./api.ts";
import type { Perform, Session } from "./perform.ts";

/** How far a list of operations came; null: to its end. */
export interface Stuck {
  /** The one that failed, and how many came before it. */
  readonly operation: Operation;
  readonly index: number;
  readonly problem: Problem;
}

/** Runs operations one after another until one fails or somebody interrupts. */
export type Runner = (operations: readonly Operation[], session: Session) => Promise<Stuck | null>;

export function makeRunner(machinery: Machinery, perform: Perform): Runner {
  return async (operations, session) => {
    for (const [index, operation] of operations.entries()) {
      const done = machinery.signal.aborted
        ? failure(interruption)
        : await runOne(machinery, perform, { operation, session });
      if (!done.ok) return { operation, index, problem: done.failure };
    }
    return null;
  };
}

async function runOne(
  { report, state }: Machinery,
  perform: Perform,
  { operation, session }: { readonly operation: Operation; readonly session: Session },
): Promise<Result<void, Problem>> {
  const { environment, kind } = operation;
  const began = performance.now();
  report({ kind: "operation-started", environment, operation: kind });
  const done = await guard(environment, async () => {
    state.journal.intend(environment, kind);
    const result = await perform(operation, session);
    state.journal.finish(environment, kind, result.ok ? null : result.failure.message);
    return result;
  });
  report({
    kind: "operation-finished",
    environment,
    operation: kind,
    durationMs: Math.round(performance.now() - began),
  });
  return done;
}

/** A bug or a broken host in one environment must not leave the others half done. */
async function guard(
  environment: string,
  work: () => Promise<Result<void, Problem>>,
): Promise<Result<void, Problem>> {
  try {
    return await work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const refusal = refusalOf(error);
    if (refusal !== null) return failure(refused(environment, refusal));
    return failure({
      code: "unexpected",
      message: `${environment}: ${reason}`,
      place: null,
      hint: "run the command again; if it fails again, `pavlos doctor` looks at the machine",
    });
  }
}

const refused = (
  environment: string,
  { full, message }: { readonly full: boolean; readonly message: string },
): Problem => ({
  code: "machine-refuses",
  message: `${environment}: ${message}`,
  place: null,
  hint: `${full ? "make room on that file system" : "set it right"}, then \`pavlos apply\` goes on from here`,
});

const interruption: Problem = {
  code: "interrupted",
  message: "interrupted",
  place: null,
  hint: "`pavlos apply` goes on from here",
};
