import { setTimeout as sleep } from "node:timers/promises";
import { freeSpace } from "../../host/disk.ts";
import type { Condition } from "../../model/environment.ts";
import type { Process } from "../../model/instance.ts";
import { failure, type Result, success, unreachable } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { environmentPaths } from "../../state/paths.ts";
import type { Context, Target } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { readProcess } from "./processes.ts";
import { lastWords } from "./words.ts";

/** Between two looks, in milliseconds: the supervisor writes down what it finds at once. */
const pause = 20;

/** So often may a container that is waited for be started again. */
const patience = 3;

/** Milliseconds after which a disk on which nothing can be written down is why nothing is heard. */
const noRoomAfter = 3000;
const blockSize = 4096;

/** What one look says; null: not yet. */
type Verdict = Result<void, string> | null;

/** Until another environment is as one depends on it. */
export function reach(
  tools: Tools,
  other: Target,
  { condition, context }: { readonly condition: Condition; readonly context: Context },
): Promise<Result<void, Problem>> {
  const what = `\`${other.name}\`, on which it depends,`;
  return until(tools, other, { context, what, code: "dependency-failed" }, (process) =>
    reached(process, condition),
  );
}

/** Until a fresh container has shown that it is good. */
export function verify(
  tools: Tools,
  target: Target,
  { grace, context }: { readonly grace: number; readonly context: Context },
): Promise<Result<void, Problem>> {
  const end = performance.now() + grace;
  const asked = target.spec.health !== null;
  return until(tools, target, { context, what: target.name, code: "not-good" }, (process) => {
    const health = asked ? healthy(process) : null;
    if (health !== null && (!health.ok || grace === 0)) return health;
    if (process.waits || (process.restarts ?? 0) > 0)
      return (process.restarts ?? 0) > patience || grace > 0 ? failure("ended at once") : null;
    if (process.pid === null) return process.exitCode === 0 && !asked ? success(undefined) : ended(process);
    if (asked) return health;
    if (process.ending) return null;
    return performance.now() >= end ? success(undefined) : null;
  });
}

function reached(process: Process, condition: Condition): Verdict {
  switch (condition) {
    case "started":
      if (process.pid !== null || process.waits || process.exitCode === 0) return success(undefined);
      return process.status === "missing" ? failure("does not run") : ended(process);
    case "completed":
      if (process.pid !== null || process.waits) return null;
      if (process.exitCode === 0 && !process.requested) return success(undefined);
      return process.status === "missing" ? failure("has never run") : ended(process);
    case "healthy":
      return healthy(process);
    default:
      return unreachable(condition);
  }
}

function healthy(process: Process): Verdict {
  const { health, pid, waits, status } = process;
  if (pid === null && !waits) return status === "missing" ? failure("does not run") : ended(process);
  if (health?.status === "healthy") return success(undefined);
  if (health?.status !== "unhealthy") return null;
  return failure(`is not healthy${health.output === "" ? "" : `: ${health.output}`}`);
}

function ended({ exitCode, oom, gaveUp, killed }: Process): Verdict {
  if (oom) return failure("ran out of memory");
  if (exitCode === null) return failure(killed ? "was killed together with its supervisor" : "does not run");
  const again = gaveUp ? ", also after it was started again" : "";
  return failure(`ended with code ${exitCode}${again}`);
}

async function until(
  tools: Tools,
  target: Target,
  { context, what, code }: { readonly context: Context; readonly what: string; readonly code: string },
  judge: (process: Process) => Verdict,
): Promise<Result<void, Problem>> {
  const began = performance.now();
  for (;;) {
    if (context.signal.aborted) return failure({ code: "interrupted", message: "interrupted", place: null });
    const process = readProcess(tools, context.project.id, target);
    const verdict = judge(process);
    if (verdict?.ok) return success(undefined);
    if (verdict !== null) {
      const words = lastWords(tools, context.project.id, { name: target.name, since: process.startedAt });
      const message = `${what} ${verdict.failure}${words.map((line) => `\n    ${line}`).join("")}`;
      const hint = `\`pavlos logs ${target.name}\` shows all that it said`;
      return failure({ code, message, place: null, hint });
    }
    const { bundle } = environmentPaths(tools.paths, context.project.id, target.name);
    if (performance.now() - began > noRoomAfter && (freeSpace(bundle) ?? blockSize) < blockSize)
      return failure(unwritable(what, bundle));
    await sleep(pause);
  }
}

const unwritable = (what: string, bundle: string): Problem => ({
  code: "disk-full",
  message: `${what} cannot say how it is: no space is left on the disk of ${bundle}`,
  place: null,
  hint: "make room on that file system, then run `pavlos apply` again",
});
