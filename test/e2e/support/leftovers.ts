import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

/**
 * What is left of the environments of a test directory: processes that run from it, mounts below it,
 * cgroups named after its project, directories of environments. Empty when all is gone.
 */
export function leftovers(directory: string): string[] {
  return [...processes(directory), ...mounts(directory), ...cgroups(directory), ...directories(directory)];
}

/** Processes whose command line or environment names the directory, other than this one. */
function processes(directory: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((pid) => {
      const text = [
        read(`/proc/${pid}/cmdline`),
        read(`/proc/${pid}/environ`),
        link(`/proc/${pid}/cwd`),
      ].join("\0");
      return text.includes(directory)
        ? [`process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`]
        : [];
    });
}

function mounts(directory: string): string[] {
  return read("/proc/self/mountinfo")
    .split("\n")
    .filter((line) => line.includes(directory))
    .map((line) => `mount ${line}`);
}

function cgroups(directory: string): string[] {
  return projects(directory).flatMap((id) =>
    walk("/sys/fs/cgroup", 6, (path) => path.includes(id)).map((path) => `cgroup ${path}`),
  );
}

/** Directories of environments and container states. */
function directories(directory: string): string[] {
  const environments = join(directory, "home/data/environments");
  const named = projects(directory).flatMap((id) =>
    list(join(environments, id), true).map((name) => `environment ${join(environments, id, name)}`),
  );
  const containers = join(directory, "home/run/containers");
  return [...named, ...list(containers, true).map((name) => `container ${join(containers, name)}`)];
}

/** Ids of the projects that the state directory of a world knows. */
export function projects(directory: string): string[] {
  return list(join(directory, "home/data/environments"), true);
}

function walk(path: string, depth: number, matches: (path: string) => boolean): string[] {
  if (depth === 0) return [];
  return list(path, true).flatMap((name) => {
    const child = join(path, name);
    return matches(child) ? [child] : walk(child, depth - 1, matches);
  });
}

function list(path: string, onlyDirectories: boolean): string[] {
  if (!existsSync(path)) return [];
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => !onlyDirectories || entry.isDirectory())
    .map((entry) => entry.name);
}

/** Text of a file under /proc; "" when the process is gone or not ours to read. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return "";
    throw error;
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? ""))
      return "";
    throw error;
  }
}
