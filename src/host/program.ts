import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** A program of this machine that runs. */
export interface Running {
  readonly stdout: Readable;
  /** Its exit code, 128 for a signal, and the last lines of standard error. Never rejects. */
  readonly done: Promise<{ readonly code: number; readonly lines: readonly string[] }>;
}

export interface ProgramOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  readonly onErrorLine?: (line: string) => void;
  /** What it reads; default nothing. */
  readonly input?: Readable;
}

const keptLines = 200;

/** Starts a program in /, without a terminal. */
export function startProgram(argv: readonly string[], options: ProgramOptions): Running {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    cwd: "/",
    env: { ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
    signal: options.signal,
  });
  const lines: string[] = [];
  let rest = "";
  const line = (text: string) => {
    lines.push(text);
    if (lines.length > keptLines) lines.shift();
    options.onErrorLine?.(text);
  };
  child.stderr.on("data", (chunk: Buffer) => {
    const pieces = (rest + chunk.toString()).split("\n");
    rest = pieces.pop() ?? "";
    pieces.forEach(line);
  });
  // It may end before it has read everything: that shows in its exit code.
  child.stdin.on("error", () => undefined);
  options.input?.once("error", () => child.kill("SIGKILL"));
  if (options.input === undefined) child.stdin.end();
  else options.input.pipe(child.stdin);
  const done = new Promise<{ code: number; lines: readonly string[] }>((resolve) => {
    child.once("error", (error) => resolve({ code: 127, lines: [...lines, error.message] }));
    child.once("close", (code) => {
      if (rest !== "") line(rest);
      resolve({ code: code ?? 128, lines });
    });
  });
  return { stdout: child.stdout, done };
}

/** Absolute path of a program in PATH, and where administrators' programs are; null: not installed. */
export function findProgram(name: string, path: string | undefined): string | null {
  const directories = [...(path ?? "/usr/local/bin:/usr/bin:/bin").split(":"), "/usr/sbin", "/sbin"];
  for (const directory of directories) {
    if (directory === "") continue;
    try {
      accessSync(join(directory, name), constants.X_OK);
      return join(directory, name);
    } catch {
      // Not there, or not for this caller: the next directory.
    }
  }
  return null;
}
