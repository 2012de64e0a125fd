import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** A device node as config.json names it. */
export interface DeviceNode {
  readonly type: "c" | "b";
  readonly path: string;
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly uid: number;
  readonly gid: number;
}

/** All device nodes below /dev but terminals and what every container has anyway. */
export function hostDevices(directory = "/dev"): readonly DeviceNode[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return own.has(path) ? [] : hostDevices(path);
    if (!entry.isCharacterDevice() && !entry.isBlockDevice()) return [];
    if (own.has(path) || /^\/dev\/(tty|vcs|console|ptmx)/.test(path)) return [];
    const { rdev, mode, uid, gid } = lstatSync(path);
    const type = entry.isBlockDevice() ? "b" : "c";
    return [{ type, path, ...numbersOf(rdev), fileMode: mode & 0o777, uid, gid } as const];
  });
}

/** As the kernel's new_encode_dev packs them. */
export const numbersOf = (rdev: number): { readonly major: number; readonly minor: number } => ({
  major: (rdev >>> 8) & 0xfff,
  minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00),
});

const own = new Set(
  ["pts", "shm", "mqueue", "hugepages", "fd", "full", "null", "random", "tty", "urandom", "zero"].map(
    (name) => `/dev/${name}`,
  ),
);
