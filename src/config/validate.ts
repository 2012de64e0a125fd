import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { problemsOf } from "./issues.ts";
import { type EnvironmentInput, schemaFor } from "./schema.ts";
import { type MapNode, toPlain } from "./tree.ts";

/** Holds a tree to the schema. */
export function validate(tree: MapNode): Result<EnvironmentInput, readonly Problem[]> {
  const parsed = schemaFor(tree.entries.keys()).safeParse(toPlain(tree));
  return parsed.success ? success(parsed.data) : failure(problemsOf(parsed.error.issues, tree));
}
