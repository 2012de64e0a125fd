import { createInterface } from "node:readline/promises";

/** Asks on standard error; anything but yes, an end of input and Ctrl-C mean no. */
export async function askYes(question: string, signal: AbortSignal): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const ended = new AbortController();
  lines.once("close", () => ended.abort());
  lines.once("SIGINT", () => lines.close());
  try {
    const answer = await lines.question(`${question} [y/N] `, {
      signal: AbortSignal.any([signal, ended.signal]),
    });
    return /^y(es)?$/i.test(answer.trim());
  } catch {
    // Aborted: the cursor is still behind the question.
    process.stderr.write("\n");
    return false;
  } finally {
    lines.close();
  }
}
