import type { Problem } from "../model/source.ts";
import { shortPath } from "./places.ts";
import type { Style } from "./terminal.ts";

export interface ProblemView {
  readonly style: Style;
  /** Directory to which paths are shown relative. */
  readonly base: string;
}

/**
 * A problem for a person: what is wrong, where, the line itself with the wrong piece marked, what
 * would have been right, and the next step. `text` is the file's text; null leaves the frame out.
 */
export function renderProblem(problem: Problem, text: string | null, view: ProblemView): string {
  const { style } = view;
  const lines = [
    `${style(["bold", "red"], "error")}${style("bold", `: ${shortened(problem.message, view)}`)}`,
  ];
  if (problem.place) {
    const { file, line, column } = problem.place;
    lines.push(`${style("blue", " -->")} ${shortPath(file, view.base)}:${line}:${column}`);
    if (text !== null) lines.push(...frame(problem, text, style));
  }
  for (const line of problem.output ?? []) lines.push(`  ${style("dim", "|")} ${printable(line)}`);
  if (problem.expected !== undefined) lines.push(`  ${style("bold", "expected:")} ${problem.expected}`);
  if (problem.hint !== undefined) lines.push(`  ${style("bold", "next:")} ${shortened(problem.hint, view)}`);
  return lines.join("\n");
}

/** Paths below the base as the places are shown. */
const shortened = (text: string, { base }: ProblemView): string =>
  printable(base === "/" ? text : text.replaceAll(`${base}/`, ""));

/** Columns that fit beside the line number in a narrow terminal. */
const width = 100;

function frame(problem: Problem, text: string, style: Style): readonly string[] {
  const { line = 1, column = 1 } = problem.place ?? {};
  const written = printable(text.split("\n")[line - 1] ?? "");
  if (written.trim() === "") return [];
  const cut = column > width - 20 ? column - 40 : 0;
  const shown = written.slice(cut, cut + width);
  const at = Math.max(0, column - 1 - cut);
  const length = Math.max(1, Math.min(problem.length ?? 1, shown.length - at));
  const number = String(line);
  const margin = " ".repeat(number.length);
  const bar = style("blue", "|");
  return [
    `${margin} ${bar}`,
    `${style("blue", number)} ${bar} ${shown}`,
    `${margin} ${bar} ${" ".repeat(at)}${style(["bold", "red"], "^".repeat(length))}`,
  ];
}

/** One column a character, and nothing that moves the cursor. */
const printable = (line: string): string =>
  line
    .replace(/\r$/, "")
    .replaceAll("\t", " ")
    .replaceAll(/\p{Cc}/gu, "\u{fffd}");
