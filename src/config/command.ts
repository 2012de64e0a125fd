import { report, type Scope, textsAt } from "./scope.ts";
import { nodeAt } from "./tree.ts";

/** A list is run as it is, a text by a shell; nothing at the path: an empty list. */
export function commandAt(scope: Scope, path: readonly PropertyKey[]): readonly string[] {
  const texts = textsAt(scope, path);
  const node = nodeAt(scope.tree, path);
  if (node?.kind === "list" && texts[0] === "") {
    report(scope, path, {
      code: "wrong-value",
      message: "a command cannot begin with an empty text",
      expected: "the program to run",
    });
  }
  return node?.kind === "scalar" ? ["/bin/sh", "-c", ...texts] : texts;
}
