import manifest from "../../package.json" with { type: "json" };
import { refusalOf } from "../host/errno.ts";
import { failure, type Result } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { processTerminal, type Terminal } from "../ui/terminal.ts";
import { exitCodes, type Invocation } from "./invocation.ts";
import { type Parsed, parse } from "./parse.ts";
import { verbs } from "./verbs.ts";

export { usedParts } from "../host/parts.ts";

/** Runs one command line and gives its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const terminal = processTerminal();
  const parsed = parse(argv, manifest.version);
  if (!parsed.ok) {
    if (parsed.failure.code !== 0 && argv.includes("--json"))
      return await complain([misuse(parsed.failure.err)], terminal, true);
    terminal.raw("stdout", parsed.failure.out);
    terminal.raw("stderr", parsed.failure.err);
    return parsed.failure.code;
  }
  const { globals } = parsed.value;
  try {
    const result = await run(parsed.value, terminal);
    if (result.ok) return result.value;
    return await complain(result.failure, terminal, globals.json);
  } catch (error) {
    return await complain([bug(error, globals.verbose)], terminal, globals.json);
  }
}

async function run(parsed: Parsed, terminal: Terminal): Promise<Result<number, readonly Problem[]>> {
  const wrong = enter(parsed);
  if (wrong !== null) return failure([wrong]);
  const verb = await verbs[parsed.command]();
  const invocation: Invocation = {
    command: parsed.command,
    args: parsed.args,
    inner: parsed.inner,
    options: parsed.options,
    globals: parsed.globals,
    terminal,
    interruption: interruption(),
  };
  return await verb(invocation);
}

/** -C and --runtime are the process's business: everything after sees them as if they had always been so. */
function enter({ directory, runtime }: Parsed): Problem | null {
  if (runtime !== null) process.env.PAVLOS_RUNTIME = runtime;
  if (directory === null) return null;
  try {
    process.chdir(directory);
    return null;
  } catch {
    return {
      code: "no-such-directory",
      message: `cannot enter the directory ${directory}`,
      place: null,
      expected: "a directory after -C",
    };
  }
}

/** The first Ctrl-C asks to end, the second ends. */
function interruption(): () => AbortSignal {
  let controller: AbortController | null = null;
  return () => {
    if (controller !== null) return controller.signal;
    const mine = new AbortController();
    controller = mine;
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => mine.abort());
    return mine.signal;
  };
}

async function complain(problems: readonly Problem[], terminal: Terminal, json: boolean): Promise<number> {
  if (json) {
    const { errorDocument } = await import("../ui/documents.ts");
    terminal.out(JSON.stringify(errorDocument(problems, process.cwd()), null, 2));
    return exitCodes.failed;
  }
  const { showProblems } = await import("./problems.ts");
  showProblems(problems, terminal);
  return exitCodes.failed;
}

const misuse = (said: string): Problem => {
  const [message = "", ...hint] = said
    .replace(/^pavlos: /, "")
    .trimEnd()
    .split("\n");
  return { code: "usage", message, place: null, hint: hint.join(" ").replace("next: ", "") };
};

/** Something that no code expected. The stack helps whoever repairs it; --verbose shows it. */
function bug(error: unknown, verbose: boolean): Problem {
  const refusal = refusalOf(error);
  if (refusal !== null && !verbose) return { code: "machine-refuses", place: null, ...adviceOf(refusal) };
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error && verbose ? `\n${error.stack}` : "";
  return {
    code: "internal",
    message: `unexpected: ${message}${stack}`,
    place: null,
    hint: verbose
      ? "this is a mistake in Pavlos or a broken machine: please report it"
      : "run it again with --verbose to see where",
  };
}

const adviceOf = ({ full, message }: { readonly full: boolean; readonly message: string }) => ({
  message,
  hint: full
    ? "make room on that file system (df shows it; `pavlos du` and `pavlos gc` what Pavlos has), then run it again"
    : "set it right, then run it again; --verbose shows where it was met",
});
