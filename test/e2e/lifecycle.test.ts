import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

const file = "environments/api.yaml";

describe.each(callers())("the life of an environment as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
  });
  afterEach(() => at.end());

  const write = (more = "", command = "[sleep, '1000']") =>
    at.write(file, `rootfs: ../root\ncommand: ${command}\n${more}`);

  it("is pending in diff, made by apply and then nothing is left to do", () => {
    write();
    const pending = expectCode(at.pavlos("diff"), 2);
    expect(pending.stdout).toContain("+ api");
    expect(pending.stdout).toContain("1 to create");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("diff"), 0);
    expect(at.ps("api").status).toBe("running");
    const command = readFileSync(`/proc/${at.ps("api").pid}/cmdline`, "utf8");
    expect(command.length).toBeGreaterThan(0);
  });

  it("keeps its process when a label changes", () => {
    write();
    expectCode(at.pavlos("apply", "--yes"), 0);
    const { pid } = at.ps("api");
    write("labels: {team: search}\n");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.ps("api").pid).toBe(pid);
    expectCode(at.pavlos("diff"), 0);
  });

  it("gets a new process and keeps its root when the command changes", () => {
    write();
    expectCode(at.pavlos("apply", "--yes"), 0);
    const { pid } = at.ps("api");
    expectCode(at.pavlos("exec", "api", "--", "sh", "-c", "echo kept >/etc/mark"), 0);
    write("", "[sleep, '2000']");
    const diff = expectCode(at.pavlos("diff"), 2);
    expect(diff.stdout).toContain("command[1]");
    expect(diff.stdout).toContain("# forces restart");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.ps("api").pid).not.toBe(pid);
    expect(expectCode(at.pavlos("exec", "api", "--", "cat", "/etc/mark"), 0).stdout).toBe("kept\n");
  });

  it("gets a new root when the rootfs changes", () => {
    write();
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("exec", "api", "--", "sh", "-c", "echo lost >/etc/mark"), 0);
    busyboxRoot(at, "other");
    at.write(file, "rootfs: ../other\ncommand: [sleep, '1000']\n");
    const diff = expectCode(at.pavlos("diff"), 2);
    expect(diff.stdout).toContain("-/+ api");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("exec", "api", "--", "cat", "/etc/mark"), 1);
    expectCode(at.pavlos("diff"), 0);
  });

  it("is made anew by apply after it was killed", () => {
    write();
    expectCode(at.pavlos("apply", "--yes"), 0);
    const { pid } = at.ps("api");
    process.kill(pid as number, "SIGKILL");
    expect(expectCode(at.pavlos("diff"), 2).stdout).toContain("drift");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.ps("api").status).toBe("running");
    expect(at.ps("api").pid).not.toBe(pid);
  });

  it("is destroyed when its file is gone", () => {
    write();
    at.write("environments/other.yaml", "rootfs: ../root\ncommand: [sleep, '1000']\n");
    expectCode(at.pavlos("apply", "--yes"), 0);
    at.command("rm", join(at.project, file));
    expect(expectCode(at.pavlos("diff"), 2).stdout).toContain("- api");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.pavlos("ps").stdout).not.toContain("api");
  });

  it("gives back the exit codes of what runs inside", () => {
    write();
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("exec", "api", "--", "sh", "-c", "exit 7"), 7);
    expectCode(at.pavlos("exec", "api", "--", "true"), 0);
    const missing = expectCode(at.pavlos("exec", "api", "--", "no-such-program"), 127);
    expect(missing.stderr).toContain("no-such-program");
    expectCode(at.pavlos("exec", "api", "--", "sh", "-c", "kill -9 $$"), 137);
    expectCode(at.pavlos("run", "api", "--", "false"), 1);
    expectCode(at.pavlos("run", "api", "--", "sh", "-c", "exit 9"), 9);
  });

  it("stops, starts and restarts on request", () => {
    write();
    expectCode(at.pavlos("apply", "--yes"), 0);
    const { pid } = at.ps("api");
    expectCode(at.pavlos("restart", "api"), 0);
    expect(at.ps("api").pid).not.toBe(pid);
    expectCode(at.pavlos("stop", "api"), 0);
    expect(at.ps("api")).toMatchObject({ status: "stopped", pid: null });
    expectCode(at.pavlos("start", "api"), 0);
    expect(at.ps("api").status).toBe("running");
  });

  it("runs its hooks in order and keeps its output apart", () => {
    write(
      "hooks: {created: ['echo created >>/etc/hooks'], started: ['echo started >>/etc/hooks']}\n",
      "'echo out; echo err >&2; sleep 1000'",
    );
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.pavlos("exec", "api", "--", "cat", "/etc/hooks").stdout).toBe("created\nstarted\n");
    expectCode(at.pavlos("restart", "api"), 0);
    expect(at.pavlos("exec", "api", "--", "cat", "/etc/hooks").stdout).toBe("created\nstarted\nstarted\n");
    const logs = expectCode(at.pavlos("logs", "api", "-n", "2"), 0);
    expect(logs.stdout).toContain("out");
    expect(logs.stdout).not.toContain("err");
    expect(logs.stderr).toContain("err");
  });

  it("declines without a terminal and without --yes, and changes nothing", () => {
    write();
    const outcome = at.pavlos("apply");
    expect(outcome.code).not.toBe(0);
    expect(outcome.stderr).toContain("--yes");
    expect(existsSync(join(at.home, "run/containers"))).toBe(false);
  });

  it("never stores or prints a secret", () => {
    write("secrets: {TOKEN: {env: E2E_SECRET}}\n");
    const env = { E2E_SECRET: "hunter2-hunter2" };
    expectCode(at.pavlosWith({ env }, "apply", "--yes"), 0);
    expect(at.pavlosWith({ env }, "exec", "api", "--", "sh", "-c", "echo $TOKEN").stdout).toBeDefined();
    expect(at.command("grep", "-rl", "hunter2-hunter2", at.home).stdout).toBe("");
    expect(at.pavlosWith({ env }, "config", "--json").stdout).not.toContain("hunter2");
    expect(readFileSync(`/proc/${commandPid(at)}/environ`, "utf8")).toContain("TOKEN=hunter2-hunter2");
    expectCode(at.pavlosWith({ env }, "diff"), 0);
    expect(expectCode(at.pavlosWith({ env: { E2E_SECRET: "other" } }, "diff"), 2).stdout).toContain(
      "secrets",
    );
  });
});

/** Host pid of the command: the init's child where a reaper is pid 1. */
function commandPid(at: World): number {
  const { pid } = at.ps("api");
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return Number(children.split(" ")[0] || pid);
}
