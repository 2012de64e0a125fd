import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect } from "vitest";
import { type Caller, installation } from "./callers.ts";
import { leftovers, projects } from "./leftovers.ts";

/** How a command ended. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A project of one caller in a directory of its own, with its own PAVLOS_HOME. */
export interface World {
  readonly caller: Caller;
  /** Holds `project` and `home`; the caller owns both. */
  readonly directory: string;
  readonly project: string;
  /** PAVLOS_HOME. */
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
  /** Writes a file of the project, owned by the caller; returns its path. */
  readonly write: (path: string, text: string) => string;
  /** Runs `pavlos ARGS` in the project and waits. */
  readonly pavlos: (...args: string[]) => Outcome;
  /** The same with other variables or input. */
  readonly pavlosWith: (options: RunOptions, ...args: string[]) => Outcome;
  /** Any program as the caller. */
  readonly command: (program: string, ...args: string[]) => Outcome;
  /** Starts `pavlos ARGS` and does not wait. */
  readonly spawn: (...args: string[]) => ChildProcess;
  /** Starts `WRAPPER pavlos ARGS` as whoever runs the tests: the wrapper becomes the caller. */
  readonly spawnUnder: (wrapper: readonly string[], ...args: string[]) => ChildProcess;
  /** `pavlos ps --json` of one environment. */
  readonly ps: (name: string) => Ps;
  /** Destroys what is there, asserts that nothing is left, removes the directory. */
  readonly end: () => void;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
}

export interface Ps {
  readonly name: string;
  readonly status: string;
  readonly pid: number | null;
  readonly exitCode: number | null;
  readonly health: string | null;
  readonly addresses: readonly {
    readonly network: string;
    readonly ip: string;
    readonly ip6: string | null;
  }[];
  readonly ports: readonly { readonly host: number; readonly container: number }[];
}

/** Makes an empty project for the caller; `inside`: all its commands run in the namespaces of that process. */
export function world(caller: Caller, inside: number | null = null): World {
  const directory = mkdtempSync("/var/tmp/pavlos-e2e-");
  chmodSync(directory, 0o755);
  const project = join(directory, "project");
  const home = join(directory, "home");
  for (const path of [directory, project, home, join(project, ".git")]) {
    mkdirSync(path, { recursive: true });
    chownSync(path, caller.uid, caller.gid);
  }
  chmodSync(home, 0o700);
  const env = environment(caller, home);
  const place: Place = { caller, inside, directory, project, home, env };
  const pavlosWith = (options: RunOptions, ...args: string[]) =>
    run(place, [join(installation(), "bin/pavlos"), ...args], options);
  const pavlos = (...args: string[]) => pavlosWith({}, ...args);
  return {
    ...place,
    write: (path, text) => write(place, path, text),
    pavlos,
    pavlosWith,
    command: (...argv) => run(place, argv, {}),
    spawn: (...args) => start(place, [join(installation(), "bin/pavlos"), ...args], credentials(place)),
    spawnUnder: (wrapper, ...args) =>
      start(place, [...wrapper, join(installation(), "bin/pavlos"), ...args], {}),
    ps: (name) => find(pavlos("ps", "--json"), name),
    end: () => end(place, pavlos),
  };
}

/** Asserts an exit code and shows the command's output when it is another. */
export function expectCode(outcome: Outcome, code: number): Outcome {
  const shown = outcome.code === code ? "" : `${outcome.stdout}\n${outcome.stderr}`;
  expect(`${outcome.code} ${shown}`.trim()).toBe(String(code));
  return outcome;
}

interface Place {
  readonly caller: Caller;
  readonly inside: number | null;
  readonly directory: string;
  readonly project: string;
  readonly home: string;
  readonly env: Readonly<Record<string, string>>;
}

function environment(caller: Caller, home: string): Record<string, string> {
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    HOME: caller.home,
    USER: caller.name,
    LOGNAME: caller.name,
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    PAVLOS_HOME: home,
    XDG_CACHE_HOME: join(home, "cache"),
  };
}

interface Credentials {
  readonly uid?: number;
  readonly gid?: number;
}

function credentials({ caller, inside }: Place): Credentials {
  return process.getuid?.() === 0 && inside === null ? { uid: caller.uid, gid: caller.gid } : {};
}

/** Only root may enter: the caller comes afterwards. */
function entered(
  { caller, inside, project }: Place,
  argv: readonly string[],
  cwd = project,
): readonly string[] {
  if (inside === null) return argv;
  const enter = ["nsenter", "-t", String(inside), "-n", "-m", `--wd=${cwd}`, "--"];
  return [...enter, "setpriv", `--reuid=${caller.uid}`, `--regid=${caller.gid}`, "--clear-groups", ...argv];
}

function run(place: Place, argv: readonly string[], options: RunOptions): Outcome {
  const [program = "", ...args] = entered(place, argv, options.cwd);
  const done = spawnSync(program, args, {
    cwd: options.cwd ?? place.project,
    env: { ...place.env, ...options.env },
    input: options.input ?? "",
    encoding: "utf8",
    timeout: 50_000,
    killSignal: "SIGKILL",
    maxBuffer: 1 << 26,
    ...credentials(place),
  });
  if (done.error) throw new Error(`${argv.join(" ")}: ${done.error.message}\n${done.stdout}\n${done.stderr}`);
  return { code: done.status, stdout: done.stdout, stderr: done.stderr };
}

function start(place: Place, argv: readonly string[], as: Credentials): ChildProcess {
  const [program = "", ...args] = entered(place, argv);
  return spawn(program, args, {
    cwd: place.project,
    env: { ...place.env },
    stdio: ["ignore", "pipe", "pipe"],
    ...as,
  });
}

function write(place: Place, path: string, text: string): string {
  const file = join(place.project, path);
  for (const directory of missing(dirname(file), place.project)) {
    mkdirSync(directory);
    chownSync(directory, place.caller.uid, place.caller.gid);
  }
  writeFileSync(file, text);
  chownSync(file, place.caller.uid, place.caller.gid);
  return file;
}

function missing(directory: string, stop: string): string[] {
  if (directory === stop) return [];
  const above = missing(dirname(directory), stop);
  try {
    readFileSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [...above, directory];
  }
  return above;
}

function find(outcome: Outcome, name: string): Ps {
  const found = (JSON.parse(expectCode(outcome, 0).stdout) as Ps[]).find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`${name} is not in ${outcome.stdout}`);
  return found;
}

function end(place: Place, pavlos: (...args: string[]) => Outcome): void {
  try {
    if (projects(place.directory).length > 0) expectCode(pavlos("destroy", "--yes"), 0);
    expect(leftovers(place.directory)).toEqual([]);
  } finally {
    rmSync(place.directory, { recursive: true, force: true });
  }
}
