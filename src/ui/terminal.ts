import { fstatSync, writeSync } from "node:fs";
import { styleText } from "node:util";

/** Colours a piece of text; without a terminal, or with NO_COLOR, it is returned as it is. */
export type Style = (format: Format, text: string) => string;

/** "red", ["bold", "green"]. */
type Format = Parameters<typeof styleText>[0];

export const plain: Style = (_format, text) => text;

/** Where a command's output goes. Everything that Pavlos itself prints goes through here. */
export interface Terminal {
  /** Data: what the command was asked for. The text gets a newline. */
  out(text: string): void;
  /** Progress, notices and errors. */
  err(text: string): void;
  /** A piece of a log or a prompt, as it is. */
  raw(stream: "stdout" | "stderr", text: string): void;
  readonly outStyle: Style;
  readonly errStyle: Style;
  /** Someone sits in front of it: progress may be repainted, questions asked. */
  readonly interactive: boolean;
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  return {
    out: (text) => write(1, `${text}\n`),
    err: (text) => write(2, `${text}\n`),
    raw: (stream, text) => write(stream === "stdout" ? 1 : 2, text),
    outStyle: styleFor(1),
    errStyle: styleFor(2),
    interactive: isTerminal(0) && isTerminal(2) && !process.env.CI,
  };
}

/** process.stdout and node:tty load streams and sockets: only what may be a terminal is worth that. */
export function isTerminal(descriptor: 0 | 1 | 2): boolean {
  try {
    const status = fstatSync(descriptor);
    if (!status.isCharacterDevice() || status.rdev >> 8 === memoryDevices) return false;
  } catch {
    // Closed: `pavlos ps >&-`.
    return false;
  }
  return process.getBuiltinModule("node:tty").isatty(descriptor);
}

/** `pavlos ps | head`: the reader has had enough, which is no error of ours. */
let closed = false;

/** Synchronous, so that nothing is lost when the process ends. */
function write(descriptor: 1 | 2, text: string): void {
  let rest = Buffer.from(text);
  while (rest.length > 0 && !(closed && descriptor === 1)) {
    try {
      rest = rest.subarray(writeSync(descriptor, rest));
    } catch (error) {
      if (!wait(error, descriptor)) return;
    }
  }
}

/** True: try again. A full non-blocking pipe is waited for, a closed one is left alone. */
function wait(error: unknown, descriptor: 1 | 2): boolean {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "EAGAIN") {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    return true;
  }
  if (descriptor === 1 && code !== "EPIPE") throw error;
  closed ||= descriptor === 1;
  return false;
}

/** Major number of /dev/null and its like. */
const memoryDevices = 1;

function styleFor(descriptor: 1 | 2): Style {
  if (!isTerminal(descriptor) || process.env.NO_COLOR || process.env.TERM === "dumb") return plain;
  return (format, text) => styleText(format, text, { validateStream: false });
}
