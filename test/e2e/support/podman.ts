import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { expect } from "vitest";
import { installation } from "./callers.ts";
import { leftovers } from "./leftovers.ts";
import { expectCode, type Outcome, type World } from "./world.ts";

/** The runtime that podman is to use. */
export function pavlosc(): string {
  return join(installation(), "dist/native/pavlosc");
}

/** podman with everything of its own in the world's directory; `before` stands before its command line. */
export function podmanClient(at: World, before: readonly string[] = []): (...args: string[]) => Outcome {
  const path = (name: string) => join(at.home, name);
  const config = at.write("containers.conf", '[engine]\nlock_type = "file"\nevents_logger = "none"\n');
  expectCode(at.command("mkdir", "-m", "700", path("session")), 0);
  const variables = [`XDG_RUNTIME_DIR=${path("session")}`, `CONTAINERS_CONF=${config}`];
  const places = ["--root", path("storage"), "--runroot", path("runroot"), "--tmpdir", path("tmp")];
  const choices = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", pavlosc()];
  const [program = "", ...rest] = [...before, "env", ...variables, "podman", ...places, ...choices];
  return (...args) => at.command(program, ...rest, ...args);
}

/** Where root's containers have their cgroups: podman leaves the directory above them. */
export function parent(at: World): string[] {
  return at.caller.kind === "root" ? ["--cgroup-parent", `/${basename(at.directory)}`] : [];
}

/** Removes the directories of `parent`. */
export function removeParents(at: World): void {
  const name = basename(at.directory);
  const find = () => at.command("find", "/sys/fs/cgroup", "-maxdepth", "2", "-name", name).stdout.trim();
  // What podman has ended may need a moment to be gone.
  const end = Date.now() + 30_000;
  while (find() !== "" && Date.now() < end) {
    at.command("find", ...find().split("\n"), "-depth", "-type", "d", "-exec", "rmdir", "{}", ";");
  }
  expect(find()).toBe("");
}

/** Ends the process that holds a user's podman's namespaces open. */
export function endPause(at: World): void {
  const files = at.command("find", at.home, "-name", "pause.pid").stdout.split("\n");
  for (const file of files.filter((path) => path !== "")) process.kill(Number(readFileSync(file, "utf8")));
  const end = Date.now() + 30_000;
  const alive = () => leftovers(at.directory).some((line) => line.startsWith("process"));
  while (alive() && Date.now() < end) at.command("sleep", "0.05");
}
