import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { libraryDirectory, type MachineName, machines, version } from "../fixtures/nvidia/machines.ts";
import { writeTree } from "../fixtures/nvidia/tree.ts";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

const rules = "/sys/fs/cgroup/devices";

describe.each(callers())("GPUs of a machine that changes, as $kind,", (caller) => {
  let at: World;
  let env: Readonly<Record<string, string>>;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
  });
  afterEach(() => at.end());

  const machine = (name: MachineName) => {
    const directory = join(at.directory, "machine");
    rmSync(directory, { recursive: true, force: true });
    env = { PAVLOS_DRIVER_ROOT: writeTree(directory, machines[name]) };
  };
  const write = (gpus: string) =>
    at.write("environments/gpu.yaml", `rootfs: ../root\ncommand: [sleep, '1000']\ngpus: ${gpus}\n`);
  const pavlos = (...args: string[]) => at.pavlosWith({ env }, ...args);
  const apply = () => expectCode(pavlos("apply", "--yes"), 0);
  const inside = (script: string) =>
    expectCode(pavlos("exec", "gpu", "--", "sh", "-c", script), 0).stdout.trim();
  /** diff says so, apply repairs it in the running container, and then nothing differs. */
  const repaired = (said: RegExp) => {
    const { pid } = at.ps("gpu");
    expect(expectCode(pavlos("diff"), 2).stdout).toMatch(said);
    apply();
    expect(at.ps("gpu").pid).toBe(pid);
    expectCode(pavlos("diff"), 0);
  };

  it("follow the machine: an updated driver and a GPU that is gone are drift", () => {
    machine("laptop");
    write("all");
    apply();
    const { pid } = at.ps("gpu");
    machine("updated");
    repaired(/gpu +live \(drift\)[\s\S]*the driver was updated: 580\.65\.06 -> 590\.44\.01/);
    expect(inside("ls /usr/local/nvidia/lib64 | grep libcuda")).toContain("libcuda.so.590.44.01");
    machine("none");
    expect(expectCode(pavlos("diff"), 2).stdout).toContain("no NVIDIA driver is loaded");
    expect(expectCode(pavlos("apply", "--yes"), 1).stderr).toContain("no NVIDIA driver is loaded");
    expect(at.ps("gpu").pid).toBe(pid);
  });

  it("a library in the place of another with the same name is drift, and comes into the running container", () => {
    machine("laptop");
    write("all");
    apply();
    const library = join(at.directory, "machine", libraryDirectory, `libcuda.so.${version}`);
    writeFileSync(`${library}.new`, "built anew");
    renameSync(`${library}.new`, library);
    repaired(/gpu +live \(drift\)[\s\S]*the driver's files on the machine are others/);
    expect(inside("cat /usr/local/nvidia/lib64/libcuda.so.1")).toBe("built anew");
  });

  it("a driver that is in use gives way to its update by a restart, and diff says who has it", () => {
    machine("laptop");
    write("all");
    apply();
    inside("sleep 1000 </usr/local/nvidia/lib64/libcuda.so.1 >/dev/null 2>&1 &");
    machine("updated");
    expect(expectCode(pavlos("diff"), 2).stdout).toMatch(
      /gpu +restart[\s\S]*the driver was updated: 580\.65\.06 -> 590\.44\.01; it is in use by sleep/,
    );
    apply();
    expect(
      inside("ls /usr/local/nvidia/lib64 | grep -c 580; ls /usr/local/nvidia/lib64/libcuda.so.590*"),
    ).toBe("0\n/usr/local/nvidia/lib64/libcuda.so.590.44.01");
    expectCode(pavlos("diff"), 0);
  });

  it("a MIG layout that is another, and other numbers of the same, are repaired", () => {
    const caps = "cd /dev/nvidia-caps && busybox stat -c '%n %t:%T' *";
    machine("mig");
    write("all");
    apply();
    expect(inside(caps)).toBe(
      "nvidia-cap12 1fe:c\nnvidia-cap13 1fe:d\nnvidia-cap21 1fe:15\nnvidia-cap22 1fe:16",
    );
    machine("mig divided anew");
    repaired(/gpu +live \(drift\)[\s\S]*GPU-0{8}\S*\/2\/0 is gone or divided differently/);
    expect(inside(caps)).toBe(
      "nvidia-cap12 1fe:c\nnvidia-cap13 1fe:d\nnvidia-cap30 1fe:1e\nnvidia-cap31 1fe:1f",
    );
    machine("mig renumbered");
    write("['0:0']");
    apply();
    machine("mig");
    repaired(/gpu +live \(drift\)[\s\S]*the machine numbers its devices differently/);
    expect(inside(caps)).toBe("nvidia-cap12 1fe:c\nnvidia-cap13 1fe:d");
  });

  it("a node that was removed inside, and a rule that somebody took away, come back", () => {
    machine("laptop");
    write("all");
    apply();
    const gone = inside("rm /dev/nvidia0 2>&1; true");
    // A user's node is a mount: nobody inside can remove it.
    if (caller.kind !== "root") {
      expect(gone).toMatch(/busy|not permitted|denied/);
      return;
    }
    repaired(/\/dev\/nvidia0 was removed inside/);
    expect(inside("busybox stat -c %t:%T /dev/nvidia0")).toBe("c3:0");
    // Where rules can be read: with cgroup v2 they are a program that nobody but its owner can replace.
    if (!existsSync(join(rules, "devices.list"))) return;
    const own = readFileSync(`/proc/${at.ps("gpu").pid}/cgroup`, "utf8");
    const [, path = ""] = /^\d+:devices:(.*)$/m.exec(own) ?? [];
    writeFileSync(join(rules, path, "devices.deny"), "c 195:0 rwm");
    repaired(/the device rule of \/dev\/nvidia0 was lost/);
    expect(readFileSync(join(rules, path, "devices.list"), "utf8")).toContain("c 195:0 rw");
  });

  it("nodes that nothing has made yet root makes inside; others are told the command", () => {
    machine("without nodes");
    write("{capabilities: [utility]}");
    if (caller.kind === "root") {
      apply();
      expect(inside("busybox stat -c %t:%T /dev/nvidia0 /dev/nvidiactl")).toBe("c3:0\nc3:ff");
    } else
      expect(expectCode(pavlos("apply", "--yes"), 1).stderr).toMatch(
        /the node \/dev\/nvidia0 \(195:0\) is not there[\s\S]*sudo nvidia-modprobe -c 0\n/,
      );
    machine("mig without nodes");
    write("['0:1']");
    if (caller.kind === "root") {
      apply();
      expect(inside("ls /dev/nvidia-caps")).toBe("nvidia-cap21\nnvidia-cap22");
    } else expect(expectCode(pavlos("apply", "--yes"), 1).stderr).toContain("sudo nvidia-modprobe -c 4");
    machine("without uvm");
    write("all");
    expect(expectCode(pavlos("apply", "--yes"), 1).stderr).toContain("sudo nvidia-modprobe -u -c 0");
    write("{capabilities: [utility]}");
    apply();
  });
});
