import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * Output of the driver's own tool, in a process that is gone afterwards: it opens the GPUs, and what it
 * leaves mapped must not stay in ours. Null: it failed or is not there.
 */
export function runGpuTool(
  program: string,
  args: readonly string[],
  libraries: string | null,
): string | null {
  const done = spawnSync(program, args, {
    encoding: "utf8",
    timeout: 20_000,
    env: { PATH: "/usr/bin:/bin", ...(libraries === null ? {} : { LD_LIBRARY_PATH: libraries }) },
    stdio: ["ignore", "pipe", "ignore"],
  });
  return done.status === 0 ? done.stdout : null;
}

/** Changes with each boot of the machine. */
export function bootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    // Without it every look is a first one.
    return "unknown";
  }
}
