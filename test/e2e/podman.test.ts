import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { endPause, parent, pavlosc, podmanClient, removeParents } from "./support/podman.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type Outcome, type World, world } from "./support/world.ts";

describe.each(callers())("podman with pavlosc as its runtime, as $kind", (caller) => {
  let at: World;
  let podman: (...args: string[]) => Outcome;

  beforeEach(() => {
    at = world(caller);
    podman = podmanClient(at);
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
