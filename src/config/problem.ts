import type { Problem } from "../model/source.ts";
import { lengthOfSpan, placeOfSpan, type Span } from "./tree.ts";

/** What a problem says, apart from its place. */
export interface Saying {
  readonly code: string;
  readonly message: string;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
}

/** A problem about a piece of a file. */
export function problemAt(span: Span, saying: Saying): Problem {
  return { ...said(saying), place: placeOfSpan(span), length: lengthOfSpan(span) };
}

/** A problem that no place in a file causes. */
export const problemWithoutPlace = (saying: Saying): Problem => ({ ...said(saying), place: null });

function said(saying: Saying): Omit<Problem, "place"> {
  return {
    code: saying.code,
    // A value or an error may hold several lines; a message is one.
    message: saying.message.trim().replaceAll(/\s*\n\s*/g, " "),
    ...(saying.expected === undefined ? {} : { expected: saying.expected }),
    ...(saying.hint === undefined ? {} : { hint: saying.hint }),
  };
}

/** A value in a message: short, on one line, text in quotes. */
export function shown(value: unknown): string {
  if (value === undefined || value === null) return "empty";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return Object.keys(value).length === 0 ? "an empty map" : "a map";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
