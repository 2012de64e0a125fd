import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, rmSync, statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

/** What happens to an apply: a process dies at one of its system calls, or the disk or the rights are taken. */
export type Harm =
  | { readonly kind: "killed"; readonly calls: string; readonly at: number }
  | { readonly kind: "full"; readonly leftKiB: number }
  | { readonly kind: "denied"; readonly directory: string };

const isRoot = process.getuid?.() === 0;

/**
 * Sets of system calls with the highest number to die at. Each process counts its own, so that the set
 * chooses who it is: what only pavlosc does (mounts), only supervisors (waiting), pavlos most (renames).
 */
const callSets: readonly (readonly [calls: string, most: number])[] = [
  ["/^(rename|mkdir|unlink|rmdir|link|symlink|f?truncate|fsync|fdatasync|flock)", 60],
  ["/^p?write", 120],
  ["/^(execve|clone|vfork|fork)", 16],
  ["/^(mount|move_mount|fs(open|config|mount)|open_tree|umount|pivot_root)", 60],
  ["/^(setns|unshare|setresuid|setgroups|prctl|capset|seccomp)", 12],
  ["/^(openat2|mknod|fchown|fchmod|symlinkat)", 40],
  ["/^(wait|p?poll|epoll_p?wait|pidfd|read|recvmsg|sendmsg|socketpair)", 90],
  ["all", 4000],
];

/** Few and early ones are likelier: that is where the parts of a change lie. */
export function chooseHarm(chance: Random, disk: boolean, directories: readonly string[]): Harm {
  const kind = chance.below(8);
  const [calls, most] = chance.pick(callSets);
  const at = Math.ceil(most ** chance.next());
  const directory = chance.pick(directories);
  if (kind === 0 && disk) return { kind: "full", leftKiB: 4 * (Math.ceil(64 ** chance.next()) - 1) };
  if (kind === 1) return { kind: "denied", directory };
  return { kind: "killed", calls, at };
}

/** A file system of its own for the state, which can be full. Only root can make one; says whether it did. */
export function ownDisk(at: World): boolean {
  if (!isRoot) return false;
  const owner = `size=96m,mode=0700,uid=${at.caller.uid},gid=${at.caller.gid}`;
  execFileSync("mount", ["-t", "tmpfs", "-o", owner, "pavlos-e2e", at.home]);
  return true;
}

export function removeDisk(at: World): void {
  execFileSync("umount", [at.home]);
}

/** `pavlos ARGS` while the harm lasts. What was taken is given back afterwards. */
export async function harmed(at: World, harm: Harm, ...args: string[]): Promise<string> {
  switch (harm.kind) {
    case "killed":
      return killed(at, harm, args);
    case "full":
      return filled(at, harm.leftKiB, args);
    case "denied":
      return denied(at, harm.directory, args);
  }
}

/** strace delivers the signal. It is done with as soon as pavlos has ended: who is traced by it goes on. */
async function killed(at: World, harm: Harm & { kind: "killed" }, args: readonly string[]): Promise<string> {
  const log = join(at.directory, "strace.log");
  rmSync(log, { force: true });
  const inject = `inject=${harm.calls}:signal=KILL:when=${harm.at}`;
  const user = isRoot ? ["-u", at.caller.name] : [];
  // -D: the tracer is nobody's parent, so that pavlos is our child.
  const strace = ["strace", "-D", "-f", "-q", ...user, "-o", log, "-e", `trace=${harm.calls}`, "-e", inject];
  const child = at.spawnUnder(strace, ...args);
  child.stdout?.resume();
  child.stderr?.resume();
  await new Promise((resolve) => child.on("exit", resolve));
  await stopTracer(log);
  return `${dead(log)} (${harm.calls} number ${harm.at})`;
}

async function stopTracer(log: string): Promise<void> {
  const found = execFileSync("sh", ["-c", "grep -lsz '^strace$' /proc/[0-9]*/cmdline || true"], {
    encoding: "utf8",
  })
    .split("\n")
    .map((path) => path.split("/")[2] ?? "")
    .filter((pid) => pid !== "" && commandLine(pid).includes(log));
  for (const pid of found) process.kill(Number(pid), "SIGKILL");
  while (found.some((pid) => commandLine(pid) !== "")) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** "" of one that has ended, and of one that waits to be reaped. */
function commandLine(pid: string): string {
  const file = `/proc/${pid}/cmdline`;
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return "";
    throw error;
  }
}

/** The last calls of those who were killed, as strace saw them. */
function dead(log: string): string {
  const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
  const last = new Map<string, string>();
  const dead: string[] = [];
  for (const line of lines) {
    const [, pid = "", text = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    if (text.startsWith("+++ killed by SIGKILL")) dead.push(last.get(pid) ?? "");
    else if (!text.startsWith("---")) last.set(pid, text.slice(0, 100));
  }
  if (dead.length === 0) return "nobody killed";
  return `killed at ${dead.find((call) => call !== "") ?? "its first"}`;
}

function filled(at: World, leftKiB: number, args: readonly string[]): string {
  const file = join(at.home, "filler");
  const { bavail, bsize } = statfsSync(at.home);
  const bytes = bavail * bsize - leftKiB * 1024;
  execFileSync("fallocate", ["-l", String(Math.max(bytes, 4096)), file]);
  try {
    return `${leftKiB} KiB left: ${ended(at, args)}`;
  } finally {
    rmSync(file);
  }
}

/** Root may write everywhere but in a read-only mount. */
function denied(at: World, directory: string, args: readonly string[]): string {
  if (!existsSync(directory)) return `nothing at ${directory}`;
  const { mode } = statSync(directory);
  const asRoot = at.caller.uid === 0;
  if (asRoot) execFileSync("mount", ["--bind", "-o", "ro", directory, directory]);
  else chmodSync(directory, 0o500);
  try {
    return `no writing in ${directory}: ${ended(at, args)}`;
  } finally {
    if (asRoot) execFileSync("umount", [directory]);
    else chmodSync(directory, mode & 0o7777);
  }
}

/** What is wrong with the machine has to be told as such. */
function ended(at: World, args: readonly string[]): string {
  const { code, stdout, stderr } = at.pavlos(...args);
  if (/unexpected/i.test(stderr) || code === null || code > 1)
    throw new Error(`${code}\n${stdout}\n${stderr}`);
  return `exit code ${code}`;
}
