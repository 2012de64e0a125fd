import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot, namespace } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

describe.each(callers())("isolation as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
  });
  afterEach(() => at.end());

  const apply = (more = "") => {
    at.write("environments/api.yaml", `rootfs: ../root\ncommand: [sleep, '1000']\n${more}`);
    expectCode(at.pavlos("apply", "--yes"), 0);
    return at.ps("api").pid as number;
  };
  const shell = (script: string) => at.pavlos("exec", "api", "--", "sh", "-c", script);

  it("gives each environment namespaces of its own, and the host's network", () => {
    const pid = apply();
    for (const kind of ["pid", "mnt", "uts", "ipc", "cgroup"]) {
      expect(namespace(pid, kind), kind).not.toBe(namespace(process.pid, kind));
    }
    expect(namespace(pid, "net")).toBe(namespace(process.pid, "net"));
    expect(namespace(pid, "user") === namespace(process.pid, "user")).toBe(caller.kind === "root");
  });

  it("honours each isolation that is switched off", () => {
    const pid = apply("isolation: {pid: false, uts: false, ipc: false}\n");
    for (const kind of ["pid", "uts", "ipc"])
      expect(namespace(pid, kind), kind).toBe(namespace(process.pid, kind));
    expect(namespace(pid, "mnt")).not.toBe(namespace(process.pid, "mnt"));
  });

  it("leaves nothing running without a pid namespace either", () => {
    at.write(
      "environments/api.yaml",
      "rootfs: ../root\nisolation: {pid: false}\ncommand: 'sleep 7654 & sleep 7655 & sleep 7656'\n",
    );
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("stop", "api"), 0);
    expect(at.command("pgrep", "-f", "sleep 765[456]").stdout).toBe("");
  });

  it("network none has a loopback and nothing else", () => {
    const pid = apply("network: none\n");
    expect(namespace(pid, "net")).not.toBe(namespace(process.pid, "net"));
    expect(
      shell("cat /proc/net/dev")
        .stdout.split("\n")
        .filter((line) => line.includes(":")),
    ).toHaveLength(1);
  });

  it("runs the command with no new privileges, a seccomp filter and few capabilities", () => {
    apply();
    const status = shell("cat /proc/self/status").stdout;
    expect(status).toMatch(/NoNewPrivs:\s+1/);
    expect(status).toMatch(/Seccomp:\s+2/);
    const bounding = Number.parseInt(/CapBnd:\s+([0-9a-f]+)/.exec(status)?.[1] ?? "", 16);
    expect(bounding & (1 << 21)).toBe(0);
    expect(Math.floor(bounding / 2 ** 16) & 1).toBe(0);
  });

  it("masks what leaks the kernel's state", () => {
    apply();
    expect(shell("head -c 1 /proc/kcore 2>/dev/null | wc -c").stdout.trim()).toBe("0");
    expect(shell("cat /proc/timer_list 2>/dev/null | wc -c").stdout.trim()).toBe("0");
    expect(shell("echo 1 >/proc/sys/kernel/panic").code).not.toBe(0);
    expect(shell("echo b >/proc/sysrq-trigger").code).not.toBe(0);
    expect(shell("touch /sys/kernel/x").code).not.toBe(0);
  });

  it("refuses mounting, and sees none of the host's devices", () => {
    apply();
    expect(shell("mount -t tmpfs none /tmp").code).not.toBe(0);
    const devices = shell("ls /dev").stdout.split("\n").filter(Boolean).sort();
    for (const name of ["full", "null", "ptmx", "pts", "random", "shm", "tty", "urandom", "zero"])
      expect(devices).toContain(name);
    expect(devices.filter((name) => /^(vd|sd|kmsg|mem|kvm|loop)/.test(name))).toEqual([]);
  });

  it("leaks no descriptor of pavlos into the command", () => {
    const pid = apply();
    expect(shell("ls /proc/self/fd | wc -w").stdout.trim()).toBe("4");
    const limits = readFileSync(`/proc/${pid}/limits`, "utf8");
    expect(limits).toContain("Max open files");
  });

  it("gives the host name, ulimits and stop signal that were asked", () => {
    apply("hostname: box\nresources: {ulimits: {nofile: 333}, shm: 2MiB}\n");
    expect(shell("hostname").stdout.trim()).toBe("box");
    expect(shell("ulimit -n").stdout.trim()).toBe("333");
    expect(shell("grep ' /dev/shm ' /proc/mounts").stdout).toContain("size=2048k");
  });

  it("a reaper is pid 1 and no zombie stays", () => {
    apply();
    shell("sh -c 'sleep 0.1 & exec sleep 0.05' & sleep 0.3");
    expect(shell("cat /proc/[0-9]*/stat 2>/dev/null | grep -c ' Z '").stdout.trim()).toBe("0");
  });

  it("sends the stop signal and waits, then kills", () => {
    at.write(
      "environments/api.yaml",
      "rootfs: ../root\nstop: {signal: SIGUSR1, timeout: 5s}\ncommand: \"trap 'echo got-usr1; exit 3' USR1; while :; do sleep 0.05; done\"\n",
    );
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("exec", "api", "--", "true"), 0);
    expectCode(at.pavlos("stop", "api"), 0);
    expect(at.pavlos("logs", "api").stdout).toContain("got-usr1");
    expect(at.ps("api").exitCode).toBe(3);
  });
});
