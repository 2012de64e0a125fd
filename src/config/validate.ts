import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { problemsOf } from "./issues.ts";
import { type EnvironmentInput, environmentSchema } from "./schema.ts";
import { type MapNode, toPlain } from "./tree.ts";

/** Holds a tree to the schema. */
export function validate(tree: MapNode): Result<EnvironmentInput, readonly Problem[]> {
  const parsed = environmentSchema.safeParse(toPlain(tree));
  return parsed.success ? success(parsed.data) : failure(problemsOf(parsed.error.issues, tree));
}
