import { realConfigReader } from "../host/real-config-reader.ts";
import type { Problem } from "../model/source.ts";
import { renderProblem } from "../ui/problems.ts";
import type { Terminal } from "../ui/terminal.ts";

/** All problems at once, each with the line that it is about, on standard error. */
export function showProblems(problems: readonly Problem[], terminal: Terminal): void {
  const view = { style: terminal.errStyle, base: process.cwd() };
  const shown = problems.map((problem) => renderProblem(problem, textOf(problem), view));
  terminal.err(shown.join("\n\n"));
  if (problems.length > 1) terminal.err(`\n${problems.length} problems. Nothing was changed.`);
}

function textOf({ place }: Problem): string | null {
  if (place === null) return null;
  const text = realConfigReader.readText(place.file);
  return text.ok ? text.value : null;
}
