import { spawn } from "node:child_process";
import { constants } from "node:os";

/**
 * Runs a command line of pavlosc on the caller's own terminal and waits: for exec, shell and run. Gives the exit code,
 * 128 + n when signal n ended it. Ctrl-C reaches it through the terminal; a SIGTERM to Pavlos is
 * passed on, so that nothing keeps running behind a command that was asked to end.
 */
export function runInForeground(argv: readonly string[]): Promise<number> {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, { stdio: "inherit" });
  const passOn = (signal: NodeJS.Signals) => void child.kill(signal);
  // The terminal has sent it to both; whether to end is the command's decision.
  const ignore = () => undefined;
  process.on("SIGINT", ignore).on("SIGQUIT", ignore);
  for (const signal of passedOn) process.on(signal, passOn);
  return new Promise((resolve, reject) => {
    child.once("error", (error) =>
      reject(new Error(`cannot start ${program}: ${error.message}`, { cause: error })),
    );
    child.once("exit", (code, signal) => {
      process.off("SIGINT", ignore).off("SIGQUIT", ignore);
      for (const name of passedOn) process.off(name, passOn);
      resolve(code ?? 128 + (signal === null ? 0 : (constants.signals[signal] ?? 0)));
    });
  });
}

const passedOn = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
