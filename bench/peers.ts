import { spawnSync } from "node:child_process";

/** The first line of a peer's version, or null when it is not installed. */
export function version(program: string, args: readonly string[] = ["--version"]): string | null {
  const run = spawnSync(program, args, { encoding: "utf8" });
  if (run.error || run.status !== 0) return null;
  return (run.stdout.trim().split("\n")[0] ?? "").trim();
}
