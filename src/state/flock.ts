import { spawn, spawnSync } from "node:child_process";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Flock } from "./lock.ts";

/** flock by way of `pavlosc lock`; `binary` is the path of pavlosc. */
export function nativeFlock(binary: string): Flock {
  return {
    try(descriptor) {
      const child = spawnSync(binary, [...noState, "lock", "3"], {
        stdio: ["ignore", "ignore", "pipe", descriptor],
      });
      const said = child.stderr?.toString() ?? "";
      return child.error === undefined ? verdict(child.status, said) : unusable(binary, child.error.message);
    },
    wait: (descriptors, signal) => waitFor(binary, descriptors, signal),
  };
}

/** A lock has nothing to do with containers: without it pavlosc would look for their directory. */
const noState = ["--root", "/"];

/** Not synchronous: Ctrl-C must be able to end it. */
function waitFor(
  binary: string,
  descriptors: readonly number[],
  signal: AbortSignal,
): Promise<Result<boolean, Problem>> {
  return new Promise((resolve) => {
    const inside = descriptors.map((_, index) => String(3 + index));
    const child = spawn(binary, [...noState, "lock", "--wait", ...inside], {
      stdio: ["ignore", "ignore", "pipe", ...descriptors],
      signal,
    });
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    child.on("error", (error) => resolve(signal.aborted ? success(false) : unusable(binary, error.message)));
    child.on("close", (code) => resolve(signal.aborted ? success(false) : verdict(code, said)));
  });
}

/** 0: taken, 1 without a word: another holds it. */
function verdict(code: number | null, said: string): Result<boolean, Problem> {
  if (code === 0) return success(true);
  if (code === 1 && said.trim() === "") return success(false);
  return failure({
    code: "lock-failed",
    message: `the project's lock cannot be taken: ${said.trim() || `pavlosc ended with ${code}`}`,
    place: null,
    hint: "run `pavlos doctor`",
  });
}

const unusable = (binary: string, reason: string): Result<never, Problem> =>
  failure({
    code: "native-missing",
    message: `${binary} cannot be run: ${reason}`,
    place: null,
    hint: "build it with `npm start`, or point PAVLOS_NATIVE at it",
  });
