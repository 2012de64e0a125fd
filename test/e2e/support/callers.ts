import { execFileSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";

/** Who runs pavlos in a test. */
export interface Caller {
  readonly kind: "root" | "an ordinary user" | "a user without subordinate ids";
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

const checkout = join(import.meta.dirname, "../../..");
const isRoot = process.getuid?.() === 0;
// Named after the run: another suite on this machine, or what a killed one left, is not ours.
const run = process.env.PAVLOS_E2E_RUN ?? String(process.pid);
const users = { subordinate: `pavlos-e2e-${run}`, single: `pavlos-one-${run}` };

let installed: string | null = process.env.PAVLOS_E2E_INSTALLATION ?? null;

/** As root: root and an ordinary user that the suite makes. Else: the one who runs the suite. */
export function callers(): Caller[] {
  if (!isRoot) return [self("an ordinary user")];
  return [self("root"), madeUser(users.subordinate, "an ordinary user")];
}

/** A user to whom /etc/subuid grants nothing; null when the suite cannot make one. */
export function singleIdCaller(): Caller | null {
  return isRoot ? madeUser(users.single, "a user without subordinate ids") : null;
}

/**
 * A copy of the built product where every user can read it: the checkout may lie in a directory that
 * only its owner enters. Made once, removed by `removeUsers`.
 */
export function installation(): string {
  if (installed !== null) return installed;
  const directory = mkdtempSync("/var/tmp/pavlos-e2e-install-");
  chmodSync(directory, 0o755);
  for (const part of ["bin", "dist", "schema", "package.json"]) {
    cpSync(join(checkout, part), join(directory, part), { recursive: true, dereference: true });
  }
  const node = join("node_modules", `node-linux-${process.arch}`, "bin/node");
  if (existsSync(join(checkout, node)))
    cpSync(join(checkout, node), join(directory, node), { dereference: true });
  installed = directory;
  return directory;
}

/** Removes what the suite made on the machine: users and the installation. */
export function removeUsers(): void {
  if (installed !== null) rmSync(installed, { recursive: true, force: true });
  installed = null;
  if (!isRoot) return;
  for (const name of Object.values(users)) {
    if (passwd(name) !== null) execFileSync("userdel", ["-r", "-f", name], { stdio: "ignore" });
  }
}

function self(kind: Caller["kind"]): Caller {
  const name = execFileSync("id", ["-un"], { encoding: "utf8" }).trim();
  const entry = passwd(name);
  if (entry === null) throw new Error(`${name} is not in /etc/passwd`);
  return { kind, ...entry };
}

function madeUser(name: string, kind: Caller["kind"]): Caller {
  if (passwd(name) === null) {
    const none = ["-K", "SUB_UID_COUNT=0", "-K", "SUB_GID_COUNT=0"];
    const wanted = kind === "an ordinary user";
    execFileSync("useradd", ["-m", "-s", "/bin/bash", ...(wanted ? [] : none), name]);
    if (wanted && !granted(name)) {
      execFileSync("usermod", ["--add-subuids", "700000-765535", "--add-subgids", "700000-765535", name]);
    }
  }
  const entry = passwd(name);
  if (entry === null) throw new Error(`useradd did not make ${name}`);
  return { kind, ...entry };
}

/** useradd grants subordinate ids by itself only where /etc/subuid existed. */
function granted(name: string): boolean {
  return readFileSync("/etc/subuid", { encoding: "utf8", flag: "a+" }).includes(`${name}:`);
}

function passwd(name: string): Omit<Caller, "kind"> | null {
  const line = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .find((text) => text.startsWith(`${name}:`));
  if (line === undefined) return null;
  const [, , uid, gid, , home = "/"] = line.split(":");
  return { name, uid: Number(uid), gid: Number(gid), home };
}
