import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { problemAt } from "../problem.ts";
import type { Source } from "../tree.ts";

/**
 * JSON with comments and commas before closing brackets as plain JSON: what does not belong there becomes
 * spaces, so that every offset stays.
 */
export function plainJson(source: Source): Result<Source, Problem> {
  const uncommented = source.text.replaceAll(
    /"(?:\\.|[^"\\\n])*"|\/\/[^\n]*|\/\*[\s\S]*?\*\/|\t/g,
    (piece) => (piece.startsWith('"') ? piece : piece.replaceAll(/[^\n]/g, " ")),
  );
  const text = uncommented.replaceAll(/"(?:\\.|[^"\\\n])*"|,(?=\s*[}\]])/g, (piece) =>
    piece === "," ? " " : piece,
  );
  try {
    JSON.parse(text);
    return success({ ...source, text });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const start = Number(/position (\d+)/.exec(message)?.[1] ?? Math.max(0, text.trimEnd().length - 1));
    const saying = {
      code: "json-syntax",
      message: `this is not valid JSON: ${message.replace(/ in JSON at position.*$/, "")}`,
      hint: "correct the file; comments and commas before closing brackets are fine",
    };
    return failure(problemAt({ source, start, end: start + 1 }, saying));
  }
}
