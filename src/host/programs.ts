import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";

/** The port to other programs of this machine. */
export interface Programs {
  /** Absolute path of a program, also where only root's PATH leads (/usr/sbin); null: not installed. */
  find(name: string): string | null;
  /** Runs it to its end. Never rejects: what cannot be started has code 127. */
  run(program: string, args: readonly string[], options?: RunOptions): Promise<Ended>;
  /**
   * Starts one that stays, in a session of its own, and waits until it closes or writes to descriptor 3,
   * or ends. Null: it ended.
   */
  background(program: string, args: readonly string[]): Promise<number | null>;
  /** One line to a socket and the answer to it; null: nobody listens there. */
  ask(socket: string, line: string): Promise<string | null>;
  /** A process with this number, as long as it is the same one: kills it. Gone is fine. */
  kill(pid: number): void;
}

export interface RunOptions {
  /** Standard input; default empty. */
  readonly input?: string;
  /**
   * Its output is not read, and nothing waits for what it leaves in the background: it may stay.
   */
  readonly detached?: true;
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const realPrograms: Programs = {
  find: (name) =>
    [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin", "/usr/bin", "/bin"]
      .filter((directory) => directory.startsWith("/"))
      .map((directory) => join(directory, name))
      .find(isExecutable) ?? null,
  run: (program, args, { input, detached } = {}) =>
    new Promise((resolve) => {
      const child = spawn(program, args, {
        stdio: [input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
        ...(detached ? { detached } : {}),
      });
      const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
      child.stdout?.on("data", (chunk: Buffer) => stdout.push(chunk));
      child.stderr?.on("data", (chunk: Buffer) => stderr.push(chunk));
      const done = (code: number, said = Buffer.concat(stderr).toString()) =>
        resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: said });
      child.on("error", (error) => done(127, `${program}: ${error.message}`));
      // What stays in the background may keep the pipes open: then the exit alone counts.
      if (detached)
        child.on("exit", (code) => {
          setImmediate(() => {
            child.stdout?.destroy();
            child.stderr?.destroy();
            done(code ?? 128);
          });
        });
      else child.on("close", (code) => done(code ?? 128));
      // It may end before it has read everything: that shows in its code.
      child.stdin?.on("error", () => undefined);
      child.stdin?.end(input);
    }),
  background: (program, args) =>
    new Promise((resolve) => {
      const child = spawn(program, args, { stdio: ["ignore", "ignore", "ignore", "pipe"], detached: true });
      const ready = child.stdio[3] as Readable;
      const done = (pid: number | null): void => {
        ready.destroy();
        child.unref();
        resolve(pid);
      };
      ready.once("data", () => done(child.pid ?? null));
      child.once("error", () => done(null));
      child.once("exit", () => done(null));
    }),
  ask: (socket, line) =>
    new Promise((resolve) => {
      const answer: Buffer[] = [];
      const connection = createConnection(socket);
      connection.on("data", (chunk: Buffer) => answer.push(chunk));
      connection.on("error", () => resolve(null));
      connection.on("close", () => resolve(Buffer.concat(answer).toString()));
      connection.end(line);
    }),
  kill(pid) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // Gone already, or no longer ours: there is nothing left to end.
    }
  },
};

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
