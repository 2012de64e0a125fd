import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { dockerEngine } from "./engine.ts";
import type { Row, Suite } from "./report.ts";
import { services } from "./services.ts";
import type { Tools } from "./tools.ts";

const rounds = 15;
/** Between two saves, in milliseconds: nothing of the last one is under way any more. */
const rest = 300;

/** From a save to its effect: a limit in the kernel, a new command that runs. */
export async function watch(tools: Tools): Promise<Suite> {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-bench-"));
  process.env.PAVLOS_HOME = join(directory, "home");
  const engine = dockerEngine(directory);
  try {
    const own = await pavlos(tools, directory);
    const peer = engine.ready ? compose(tools, directory) : null;
    return {
      title: "Watch",
      about:
        "From the save of a file to its effect, `pavlos watch` running; compose does not follow its own file, so beside it is the `docker compose up -d` that one would type. Budget: 150 and 400 ms.",
      rows: [
        { what: "a limit", "pavlos (ms)": own.limit, "slowest (ms)": own.limitMost, "compose up (ms)": peer },
        {
          what: "a command",
          "pavlos (ms)": own.command,
          "slowest (ms)": own.commandMost,
          "compose up (ms)": peer,
        },
      ] satisfies Row[],
    };
  } finally {
    engine.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function pavlos(tools: Tools, directory: string) {
  const root = join(directory, "project");
  mkdirSync(join(root, "environments"), { recursive: true });
  const save = (pids: number, seconds: number): void =>
    writeFileSync(
      join(root, "environments/api.yaml"),
      `rootfs: host\ncommand: [sleep, "${seconds}"]\nresources: {pids: ${pids}}\nstop: {timeout: 100ms}\n`,
    );
  save(100, 1000);
  const watching = spawn(tools.pavlos, ["-C", root, "watch"], { stdio: "ignore" });
  try {
    await until(() => initOf(root, tools) !== null);
    const group = groupOf(initOf(root, tools) ?? 0);
    const limits = await repeat(async (round) => {
      save(200 + round, 1000);
      await until(() => readFileSync(join(group, "pids.max"), "utf8").trim() === String(200 + round));
    });
    const commands = await repeat(async (round) => {
      save(200, 2000 + round);
      await until(() => runs(group, `sleep\0${2000 + round}\0`));
    });
    return { ...summary(limits, "limit"), ...summary(commands, "command") };
  } finally {
    await end(watching);
    spawnSync(tools.pavlos, ["-C", root, "destroy", "--yes", "-q"]);
  }
}

type Summary<Name extends string> = Readonly<Record<Name | `${Name}Most`, number>>;

function summary<Name extends string>(values: readonly number[], name: Name): Summary<Name> {
  const sorted = [...values].sort((a, b) => a - b);
  const found = { [name]: sorted[Math.floor(sorted.length / 2)], [`${name}Most`]: sorted.at(-1) };
  return found as Summary<Name>;
}

async function repeat(work: (round: number) => Promise<void>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await sleep(rest);
    const began = performance.now();
    await work(round);
    times.push(performance.now() - began);
  }
  return times;
}

async function until(holds: () => boolean): Promise<void> {
  const end = performance.now() + 20_000;
  while (!holds()) {
    if (performance.now() > end) throw new Error("nothing happened within 20 seconds");
    await sleep(1);
  }
}

function initOf(root: string, tools: Tools): number | null {
  const listed = spawnSync(tools.pavlos, ["-C", root, "ps", "--json"], { encoding: "utf8" });
  const [first]: { pid: number | null }[] = JSON.parse(listed.stdout || "[]");
  return first?.pid ?? null;
}

/** The directory of a process's limits, in either version of cgroups. */
function groupOf(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const path = (pattern: RegExp): string => lines.find((line) => pattern.test(line))?.split(":")[2] ?? "";
  const v1 = `/sys/fs/cgroup/pids${path(/:pids:/)}`;
  return existsSync(join(v1, "pids.max")) ? v1 : `/sys/fs/cgroup${path(/^0::/)}`;
}

function runs(group: string, command: string): boolean {
  if (!existsSync(group)) return false;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => commandLine(pid).includes(command));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    // It ended between the listing and the reading.
    return "";
  }
}

async function end(watching: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => watching.once("exit", resolve));
  watching.kill("SIGINT");
  await ended;
}

/** A change of one service, as compose takes it: typed by hand. */
function compose(tools: Tools, directory: string): number {
  const { up } = services(tools, directory, 1);
  const [program = "", ...args] = up.argv;
  spawnSync(program, args);
  const file = join(directory, "project1/compose.yaml");
  const before = readFileSync(file, "utf8");
  const times = Array.from({ length: 7 }, (_, round) => {
    writeFileSync(file, before.replace("infinity", String(5000 + round)));
    const began = performance.now();
    spawnSync(program, args);
    return performance.now() - began;
  });
  const [after = "", ...rest] = up.after ?? [];
  spawnSync(after, rest);
  return times.sort((a, b) => a - b)[3] ?? 0;
}
