import type { Place, Problem } from "../../../model/source.ts";

/**
 * What keeps an image from being fetched. Thrown inside image/ only, because it may happen at any depth of
 * a download; whoever is called from outside catches it and answers with a Problem.
 */
export class ImageFailure extends Error {
  readonly code: string;
  readonly expected: string | undefined;
  readonly hint: string | undefined;

  constructor({ code, message, expected, hint, cause }: Said) {
    super(message, { cause });
    this.name = "ImageFailure";
    this.code = code;
    this.expected = expected;
    this.hint = hint;
  }
}

interface Said {
  readonly code: string;
  readonly message: string;
  readonly expected?: string | undefined;
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** A failure as the user reads it; anything else is a mistake of ours and goes on. */
export function problemOfFailure(error: unknown, place: Place | null): Problem {
  if (!(error instanceof ImageFailure)) throw error;
  const { code, message, expected, hint } = error;
  return {
    code,
    message,
    place,
    ...(expected === undefined ? {} : { expected }),
    ...(hint === undefined ? {} : { hint }),
  };
}
