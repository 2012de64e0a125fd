import { it } from "vitest";

/** Defines a test only for the callers that it is about: for others there is nothing to skip. */
export function when(applies: boolean): (title: string, test: () => void) => void {
  return (title, test) => {
    if (applies) it(title, test);
  };
}
