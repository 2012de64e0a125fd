import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { installation } from "./callers.ts";
import type { World } from "./world.ts";

/** A real terminal (tmux) in which the caller of a world types. */
export interface Terminal {
  readonly type: (text: string) => void;
  /** Keys by tmux's names: "C-c", "C-z", "Enter". */
  readonly press: (...keys: string[]) => void;
  readonly resize: (columns: number, rows: number) => void;
  /** What the screen shows now. */
  readonly screen: () => string;
  /** Waits until the screen matches; throws with the screen when it does not within 15 s. */
  readonly until: (pattern: RegExp) => string;
  readonly close: () => void;
}

/** Opens a terminal of 100x30 with a shell of the caller in the project; `pavlos` is in its PATH. */
export function terminal(at: World): Terminal {
  const socket = `pavlos-e2e-${process.pid}-${Math.floor(Math.random() * 1e9)}`;
  const tmux = (...args: string[]) =>
    execFileSync("tmux", ["-u", "-L", socket, ...args], { encoding: "utf8" });
  const variables = Object.entries({
    ...at.env,
    PATH: `${join(installation(), "bin")}:${at.env.PATH}`,
    PS1: "outside> ",
    TERM: "screen",
  });
  const as =
    process.getuid?.() === 0
      ? ["setpriv", `--reuid=${at.caller.uid}`, `--regid=${at.caller.gid}`, "--clear-groups"]
      : [];
  const shell = [...as, "env", "-i", ...variables.map(([name, value]) => `${name}=${value}`), "sh", "-i"];
  tmux(
    "-f",
    "/dev/null",
    "new-session",
    "-d",
    "-x",
    "100",
    "-y",
    "30",
    "-c",
    at.project,
    shell.map(quote).join(" "),
  );
  const screen = () => tmux("capture-pane", "-p");
  return {
    type: (text) => tmux("send-keys", "-l", text),
    press: (...keys) => tmux("send-keys", ...keys),
    resize: (columns, rows) => tmux("resize-window", "-x", String(columns), "-y", String(rows)),
    screen,
    until: (pattern) => waitFor(screen, pattern),
    close: () => spawnSync("tmux", ["-L", socket, "kill-server"]),
  };
}

/** Waits until `look` gives a matching text. Throws with the last text after 45 s. */
export function waitFor(look: () => string, pattern: RegExp): string {
  const end = Date.now() + 45_000;
  for (;;) {
    const text = look();
    if (pattern.test(text)) return text;
    if (Date.now() > end) throw new Error(`waited for ${pattern}, saw:\n${text}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
