import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers, installation } from "./support/callers.ts";
import { leftovers } from "./support/leftovers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type Outcome, type World, world } from "./support/world.ts";

describe.each(callers())("podman with pavlosc as its runtime, as $kind", (caller) => {
  let at: World;
  let podman: (...args: string[]) => Outcome;

  beforeEach(() => {
    at = world(caller);
    podman = client(at);
    const root = busyboxRoot(at);
    expectCode(at.command("tar", "-C", root, "-cf", join(at.project, "root.tar"), "."), 0);
    expectCode(podman("import", "--quiet", join(at.project, "root.tar"), "pavlos:test"), 0);
  });
  afterEach(() => {
    podman("rm", "--all", "--force", "--time", "1");
    if (caller.kind !== "root") expectCode(podman("unshare", "rm", "-rf", join(at.home, "storage")), 0);
    endPause(at);
    removeParents(at);
    at.end();
  });

  it("runs, execs, logs, stops and removes containers", () => {
    const run = ["run", "--network", "none", ...parent(at)];
    const said = expectCode(
      podman(...run, "--rm", "pavlos:test", "sh", "-c", "echo $0 $(id -u); exit 3", "hello"),
      3,
    );
    expect(said.stdout.trim()).toBe("hello 0");
    const loop = "echo out; echo err >&2; trap 'echo bye; exit 7' TERM; while :; do sleep 0.05; done";
    expectCode(podman(...run, "--detach", "--name", "one", "pavlos:test", "sh", "-c", loop), 0);
    const inside = expectCode(podman("exec", "--env", "WHO=me", "one", "sh", "-c", "echo $WHO; exit 5"), 5);
    expect(inside.stdout.trim()).toBe("me");
    expect(podman("inspect", "one", "--format", "{{.OCIRuntime}} {{.State.Status}}").stdout.trim()).toBe(
      `${pavlosc()} running`,
    );
    expectCode(podman("stop", "--time", "20", "one"), 0);
    const logs = podman("logs", "one");
    expect([logs.stdout, logs.stderr].join("").split("\n").sort().join(" ").trim()).toBe("bye err out");
    expect(podman("inspect", "one", "--format", "{{.State.ExitCode}}").stdout.trim()).toBe("7");
    expectCode(podman("start", "one"), 0);
    expectCode(podman("kill", "one"), 0);
    expectCode(podman("wait", "one"), 0);
    expectCode(podman("rm", "one"), 0);
    expect(podman("ps", "--all", "--quiet").stdout).toBe("");
  });

  it("gives a terminal, volumes, other users and errors with their reason", () => {
    const run = ["run", "--rm", "--network", "none", ...parent(at)];
    const volume = at.write("data/file", "from outside\n");
    const read = podman(
      ...run,
      "--volume",
      `${volume}:/file:ro`,
      "--tty",
      "pavlos:test",
      "sh",
      "-c",
      "tty; cat /file",
    );
    expect(expectCode(read, 0).stdout).toMatch(/\/dev\/pts\/0\s+from outside/);
    const user = podman(
      ...run,
      "--user",
      "nobody",
      "--read-only",
      "pavlos:test",
      "sh",
      "-c",
      "id -u; touch /x",
    );
    expect(expectCode(user, 1).stdout.trim()).toBe("65534");
    const missing = expectCode(podman(...run, "pavlos:test", "no-such-program"), 127);
    expect(missing.stderr).toMatch(/no-such-program/);
  });
});

function pavlosc(): string {
  return join(installation(), "dist/native/pavlosc");
}

/** podman with everything of its own in the world's directory. */
function client(at: World): (...args: string[]) => Outcome {
  const path = (name: string) => join(at.home, name);
  const config = at.write("containers.conf", '[engine]\nlock_type = "file"\nevents_logger = "none"\n');
  expectCode(at.command("mkdir", "-m", "700", path("session")), 0);
  const variables = [`XDG_RUNTIME_DIR=${path("session")}`, `CONTAINERS_CONF=${config}`];
  const places = ["--root", path("storage"), "--runroot", path("runroot"), "--tmpdir", path("tmp")];
  const choices = ["--storage-driver", "vfs", "--cgroup-manager", "cgroupfs", "--runtime", pavlosc()];
  return (...args) => at.command("env", ...variables, "podman", ...places, ...choices, ...args);
}

/** Where root's containers have their cgroups: podman leaves the directory above them. */
function parent(at: World): string[] {
  return at.caller.kind === "root" ? ["--cgroup-parent", `/${basename(at.directory)}`] : [];
}

function removeParents(at: World): void {
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
function endPause(at: World): void {
  const files = at.command("find", at.home, "-name", "pause.pid").stdout.split("\n");
  for (const file of files.filter((path) => path !== "")) process.kill(Number(readFileSync(file, "utf8")));
  const end = Date.now() + 30_000;
  const alive = () => leftovers(at.directory).some((line) => line.startsWith("process"));
  while (alive() && Date.now() < end) at.command("sleep", "0.05");
}
