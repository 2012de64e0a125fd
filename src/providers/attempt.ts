import { reasonOf } from "../host/errno.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";

/** Runs work on files; an errno error becomes a problem that begins with `what`. */
export async function attempt<T>(what: string, work: () => T | Promise<T>): Promise<Result<T, Problem>> {
  try {
    return success(await work());
  } catch (error) {
    return failure({
      code: "files-failed",
      message: `${what}: ${reasonOf(error)}`,
      place: null,
      hint: "make room or set the permissions right, then run the command again",
    });
  }
}
