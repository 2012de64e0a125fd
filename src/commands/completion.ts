import { failure, success } from "../model/result.ts";
import { completionScript, isShell, shells } from "./completion/scripts.ts";
import type { Verb } from "./invocation.ts";

/** `pavlos completion SHELL`: prints a script; nothing is installed. */
export const completion: Verb = async ({ args: [shell = ""], terminal }) => {
  if (!isShell(shell)) {
    const message = `no completions for ${shell}`;
    return failure([{ code: "unknown-shell", message, place: null, expected: shells.join(", ") }]);
  }
  terminal.out(completionScript(shell));
  return success(0);
};
