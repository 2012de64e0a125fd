import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** All that a process sees in its container, as text of one command. */
export const inventoryScript = [
  "busybox find / \\( -path /proc -o -path /sys -o -path /dev/pts -o -path /dev/shm -o -path /dev/mqueue \\) -prune -o -exec busybox stat -c '%F|%t:%T|%d:%i|%N' {} +",
  "echo ==",
  "env",
  "echo ==",
  "cat /proc/self/mountinfo",
  "echo ==",
  "busybox base64 /etc/ld.so.cache 2>/dev/null",
  "echo ==",
  "cat /etc/ld-musl-*.path 2>/dev/null",
  "echo ==",
  "for node in $(busybox find /dev -type c -path '*/nv*'); do { : <$node; } 2>&1; done | grep -i permi; true",
].join("\n");

export interface Inventory {
  /** Path -> "major:minor" of a device, "-> target" of a link, "directory", or "device:inode" of a file. */
  readonly files: ReadonlyMap<string, string>;
  readonly env: ReadonlyMap<string, string>;
  /** Mount point -> options. */
  readonly mounts: ReadonlyMap<string, readonly string[]>;
  /** The loader's cache of glibc; empty: there is none. */
  readonly cache: Buffer;
  /** Of musl's loader. */
  readonly searched: readonly string[];
  /** What was said about NVIDIA's nodes that may not be opened. */
  readonly closed: readonly string[];
}

export function parseInventory(text: string): Inventory {
  const [files = "", env = "", mounts = "", cache = "", musl = "", closed = ""] = text.split(/^==$/m);
  const lines = (part: string) => part.split("\n").filter((line) => line !== "");
  return {
    files: withoutDevice(lines(files).map(fileOf)),
    env: new Map(
      lines(env).map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
    ),
    mounts: new Map(
      lines(mounts).map((line) => {
        const fields = line.split(" ");
        return [fields[4] ?? "", (fields[5] ?? "").split(",")];
      }),
    ),
    cache: Buffer.from(cache, "base64"),
    searched: musl
      .trim()
      .split(/[:\n]/)
      .filter((directory) => directory !== ""),
    closed: lines(closed),
  };
}

interface Seen {
  readonly path: string;
  readonly is: string;
  readonly inode: string;
}

/** The root's own files are on a device whose number is the container's own. */
function withoutDevice(seen: readonly Seen[]): Map<string, string> {
  const own = `${seen.find(({ path }) => path === "/")?.inode.split(":")[0]}:`;
  return new Map(
    seen.map(({ path, inode, is }) => [
      path,
      is === inode && is.startsWith(own) ? is.replace(own, "root:") : is,
    ]),
  );
}

function fileOf(line: string): Seen {
  const [kind = "", numbers = "", inode = "", ...rest] = line.split("|");
  const name = rest.join("|");
  const [, path = name, target = ""] = /^'?(.*?)'?(?: -> '?(.*?)'?)?$/.exec(name) ?? [];
  if (kind === "symbolic link") return { path, inode, is: `-> ${target}` };
  if (kind === "directory") return { path, inode, is: "directory" };
  return { path, inode, is: /^(character|block) special/.test(kind) ? decimal(numbers) : inode };
}

/** stat has the numbers of devices in base 16. */
export const decimal = (numbers: string): string =>
  numbers
    .split(":")
    .map((part) => Number.parseInt(part, 16))
    .join(":");

/** What is in one and not (or otherwise) in the other. */
export function added<T>(now: ReadonlyMap<string, T>, before: ReadonlyMap<string, T>): Map<string, T> {
  const isOther = (name: string, value: T) => JSON.stringify(before.get(name)) !== JSON.stringify(value);
  return new Map([...now].filter(([name, value]) => isOther(name, value)));
}

/** Name -> path, as glibc itself reads a cache. */
export function cachedLibraries(cache: Buffer, directory: string): Map<string, string> {
  if (cache.length === 0) return new Map();
  const file = join(directory, "cache");
  writeFileSync(file, cache);
  const said = execFileSync("/sbin/ldconfig", ["-p", "-C", file], { encoding: "utf8" });
  return new Map(
    said.split("\n").flatMap((line) => {
      const [, name, path] = /^\t(\S+) \(.*\) => (\S+)$/.exec(line) ?? [];
      return name === undefined || path === undefined ? [] : [[name, path] as const];
    }),
  );
}

/**
 * Which nodes a process in the cgroup of `pid` may open for reading: what the kernel allows, whatever
 * kind of device rules it has. Nothing answers to most of them: that is another error.
 */
export function openable(pid: number, nodes: readonly string[]): string[] {
  const script = `echo $$ >"$0"\nfor node; do\n  case $( { : <"$node"; } 2>&1) in *'not permitted'*) ;; *) echo "$node" ;; esac\ndone`;
  const said = execFileSync("sh", ["-c", script, join(devicesCgroup(pid), "cgroup.procs"), ...nodes], {
    encoding: "utf8",
  });
  return said.split("\n").filter((line) => line !== "");
}

function devicesCgroup(pid: number): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const path = (head: RegExp) => lines.find((line) => head.test(line))?.replace(head, "");
  const old = path(/^\d+:([^:]*,)?devices(,[^:]*)?:/);
  return old === undefined ? join("/sys/fs/cgroup", path(/^0::/) ?? "") : join("/sys/fs/cgroup/devices", old);
}

/** All directories above. */
export const above = (path: string): string[] =>
  path === "/" ? [] : [dirname(path), ...above(dirname(path))];
