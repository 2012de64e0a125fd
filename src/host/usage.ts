import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What a container has used so far, and uses now; null: its controller is missing. */
export interface Usage {
  /** Nanoseconds of processor time. */
  readonly cpu: number | null;
  /** Bytes. */
  readonly memory: number | null;
  /** Bytes; null also: no limit. */
  readonly memoryLimit: number | null;
  /** Processes and threads. */
  readonly pids: number | null;
  /** Bytes read from and written to disks. */
  readonly read: number | null;
  readonly written: number | null;
}

/** From the files of its cgroup: `directories` by v1 controller, "" for version 2. No process is started. */
export function readUsage(directories: Readonly<Record<string, string>>): Usage {
  const v2 = directories[""];
  const file = (controller: string, v1: string, name: string): string | null => {
    const own = directories[controller];
    if (own !== undefined) return text(join(own, v1));
    return v2 === undefined ? null : text(join(v2, name));
  };
  const io = ioOf(directories, v2);
  return {
    cpu: cpuOf(directories, v2),
    memory: number(file("memory", "memory.usage_in_bytes", "memory.current")),
    memoryLimit: limit(number(file("memory", "memory.limit_in_bytes", "memory.max"))),
    pids: number(file("pids", "pids.current", "pids.current")),
    read: io.read,
    written: io.written,
  };
}

function cpuOf(directories: Readonly<Record<string, string>>, v2: string | undefined): number | null {
  const v1 = directories.cpuacct ?? directories["cpu,cpuacct"];
  if (v1 !== undefined) return number(text(join(v1, "cpuacct.usage")));
  const used = /^usage_usec (\d+)$/m.exec((v2 === undefined ? null : text(join(v2, "cpu.stat"))) ?? "")?.[1];
  return used === undefined ? null : Number(used) * 1000;
}

function ioOf(directories: Readonly<Record<string, string>>, v2: string | undefined) {
  const v1 = directories.blkio;
  const sum = (content: string, pattern: RegExp): number =>
    [...content.matchAll(pattern)].reduce((total, [, bytes]) => total + Number(bytes), 0);
  if (v1 !== undefined) {
    const content = text(join(v1, "blkio.throttle.io_service_bytes"));
    if (content === null) return { read: null, written: null };
    return { read: sum(content, /^\d+:\d+ Read (\d+)$/gm), written: sum(content, /^\d+:\d+ Write (\d+)$/gm) };
  }
  const content = v2 === undefined ? null : text(join(v2, "io.stat"));
  if (content === null) return { read: null, written: null };
  return { read: sum(content, /\brbytes=(\d+)/g), written: sum(content, /\bwbytes=(\d+)/g) };
}

const number = (content: string | null): number | null =>
  content !== null && /^\d+$/.test(content.trim()) ? Number(content) : null;

/** Version 1 writes no limit as the largest number of pages. */
const limit = (bytes: number | null): number | null => (bytes === null || bytes > 2 ** 62 ? null : bytes);

function text(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The controller is not there, or the container ended between two reads.
    return null;
  }
}
