import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import type { Problem } from "../model/source.ts";

/** A way to run pavlosc: the real one, or a test's. */
export interface Native {
  /** Runs `pavlosc ARGS` to its end. Never rejects: a binary that cannot be started has code 125. */
  run(args: readonly string[], options?: NativeOptions): Promise<NativeOutcome>;
  /** Path of the program, for who runs it in another way; absent in tests. */
  readonly binary?: string;
}

export interface NativeOptions {
  /** Standard input; default empty. */
  readonly input?: string;
  /**
   * Standard input as it comes, instead of `input`. A piece is written before the next is asked for. When it
   * fails, the process is killed.
   */
  readonly stream?: AsyncIterable<Uint8Array>;
  /** Kills the process; its outcome has code 143 then. */
  readonly signal?: AbortSignal;
  /** Called with each full line of standard error. */
  readonly onErrorLine?: (line: string) => void;
  /** Called with each full line of standard output. */
  readonly onLine?: (line: string) => void;
  /** Standard output goes there instead of into the outcome, which has none then. */
  readonly output?: Writable;
}

export interface NativeOutcome {
  /** 128 + n after signal n is not distinguished from the command's own: callers know what they ran. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What pavlosc says when a step fails (docs/pavlosc.md, "Errors"). */
export interface NativeError {
  readonly step: string;
  readonly subject: string;
  readonly reason: string;
  readonly errno?: number | null;
  readonly hint?: string | null;
}

/** The real pavlosc, with the project's lock that its processes share. */
export interface RealNative extends Native {
  /**
   * From now on every process inherits this descriptor (null: none any more). When pavlos is killed,
   * the lock is free only after the pavlosc that it started has finished: the next apply then finds
   * nothing that still changes.
   */
  readonly hold: (descriptor: number | null) => void;
}

export interface NativePlace {
  /** Where the containers' states are. */
  readonly root: string;
  /** What stands in front of commands that make or enter containers (CgroupFacts). */
  readonly scope: readonly string[];
}

export function makeNative(binary: string, { root, scope }: NativePlace): RealNative {
  const globals = ["--root", root, "--log-format", "json"];
  let held: number | null = null;
  return {
    binary,
    hold(descriptor) {
      held = descriptor;
    },
    run: (args, options = {}) =>
      new Promise((resolve) => {
        const prefix = scoped.has(args[0] ?? "") ? scope : [];
        const [program = "", ...rest] = [...prefix, binary, ...globals, ...args];
        const child = spawn(program, rest, {
          stdio: [
            options.input === undefined && options.stream === undefined ? "ignore" : "pipe",
            "pipe",
            "pipe",
            ...(held === null ? [] : [held]),
          ],
          ...(options.signal === undefined ? {} : { signal: options.signal }),
        });
        const stdout: Buffer[] = [];
        const stderr: Buffer[] = [];
        const pass = options.onErrorLine === undefined ? null : lineReader(options.onErrorLine);
        const passOut = options.onLine === undefined ? null : lineReader(options.onLine);
        if (options.output !== undefined) child.stdout?.pipe(options.output);
        else
          child.stdout?.on("data", (chunk: Buffer) => {
            stdout.push(chunk);
            passOut?.(chunk);
          });
        child.stderr?.on("data", (chunk: Buffer) => {
          stderr.push(chunk);
          pass?.(chunk);
        });
        const done = (code: number, said?: string) =>
          resolve({
            code,
            stdout: Buffer.concat(stdout).toString(),
            stderr: said ?? Buffer.concat(stderr).toString(),
          });
        child.on("error", (error) =>
          done(options.signal?.aborted ? 143 : 125, `${binary}: ${error.message}`),
        );
        child.on("close", (code) => done(code ?? 143));
        // It may end before it has read everything: that shows in its outcome.
        child.stdin?.on("error", () => undefined);
        feed(child, options);
      }),
  };
}

const scoped: ReadonlySet<string> = new Set(["run", "exec"]);

/** What is cut off must not look complete: the process is killed before it sees an end. */
function feed(child: ChildProcess, { input, stream }: NativeOptions): void {
  const { stdin } = child;
  if (stdin === null) return;
  if (stream === undefined) stdin.end(input);
  else void pour(stream, stdin).catch(() => child.kill("SIGKILL"));
}

async function pour(stream: AsyncIterable<Uint8Array>, into: Writable): Promise<void> {
  const write = (piece: Uint8Array) =>
    new Promise<"written" | "closed">((resolve) =>
      into.write(piece, (error) => resolve(error ? "closed" : "written")),
    );
  for await (const piece of stream) {
    // Nobody reads any more: whoever produces it may stop.
    if ((await write(piece)) === "closed") return;
  }
  into.end();
}

/** The error in the last JSON line of standard error; when there is none, its words as they are. */
export function errorOf(outcome: NativeOutcome): NativeError {
  const lines = outcome.stderr.trim().split("\n");
  for (const line of lines.toReversed()) {
    const error = parseError(line);
    if (error !== null) return error;
  }
  const reason = lines.at(-1)?.trim() || `it ended with code ${outcome.code}`;
  return { step: "run pavlosc", subject: "", reason };
}

/** An error as `--log-format json` and the JSON lines of batches have it; null: it is none. */
export function asNativeError(value: unknown): NativeError | null {
  if (typeof value !== "object" || value === null) return null;
  if (!("step" in value) || !("reason" in value)) return null;
  const { step, reason } = value;
  if (typeof step !== "string" || typeof reason !== "string") return null;
  const subject = "subject" in value && typeof value.subject === "string" ? value.subject : "";
  const hint = "hint" in value && typeof value.hint === "string" ? value.hint : null;
  const errno = "errno" in value && typeof value.errno === "number" ? value.errno : null;
  return { step, subject, reason, hint, errno };
}

/** What the user reads of it. `what` is the sentence's beginning: "api cannot be created". */
export function problemOf(error: NativeError, what: string): Problem {
  const about = [error.step, error.subject].filter((part) => part !== "").join(" ");
  return {
    code: "native-failed",
    message: `${what}: ${about}: ${error.reason}`,
    place: null,
    ...(error.hint ? { hint: error.hint } : {}),
  };
}

function parseError(line: string): NativeError | null {
  if (!line.startsWith("{")) return null;
  try {
    return asNativeError(JSON.parse(line));
  } catch {
    // A line of somebody else that only looks like ours.
    return null;
  }
}

function lineReader(onLine: (line: string) => void): (chunk: Buffer) => void {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  };
}
