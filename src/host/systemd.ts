import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";

/** Whose services: the machine's, or those of the caller's own session manager. */
export type Manager = "system" | "user";

/** Is systemd what runs this machine? */
export const hasSystemd = (): boolean => existsSync("/run/systemd/system");

/** Runs `systemctl`; null: it worked, else what it said. */
export function systemctl(manager: Manager, args: readonly string[]): string | null {
  const own = manager === "user" ? ["--user", ...args] : [...args];
  const done = spawnSync("systemctl", own, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  if (done.error) return done.error.message;
  return done.status === 0 ? null : done.stderr.trim() || `it ended with code ${done.status}`;
}

/** Do this user's services run from the boot on, without a login? */
export const lingers = (name: string): boolean => existsSync(`/var/lib/systemd/linger/${name}`);
