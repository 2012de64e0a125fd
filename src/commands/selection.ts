import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { LabelMatch, Selection } from "../reconcile/select.ts";
import { type Invocation, listOption } from "./invocation.ts";

/** NAMES, -l and --exclude of a command line. */
export function selectionOf(invocation: Invocation): Result<Selection, readonly Problem[]> {
  const { args } = invocation;
  const written = listOption(invocation, "label");
  const wrong = written.filter((text) => text === "" || text.startsWith("="));
  if (wrong.length > 0) return failure(wrong.map(nameless));
  return success({
    names: args.length > 0 ? args : null,
    labels: written.map(labelOf),
    exclude: listOption(invocation, "exclude"),
  });
}

function labelOf(text: string): LabelMatch {
  const at = text.indexOf("=");
  return at < 0 ? { key: text, value: null } : { key: text.slice(0, at), value: text.slice(at + 1) };
}

const nameless = (text: string): Problem => ({
  code: "usage",
  message: `-l ${JSON.stringify(text)} names no label`,
  place: null,
  expected: "key=value, or key",
});
