import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { dgxGpus, type MachineName, machines, version } from "../fixtures/nvidia/machines.ts";
import { writeTree } from "../fixtures/nvidia/tree.ts";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

/** Nodes of NVIDIA inside, with their numbers. */
const nodes =
  "ls -l /dev/nvidia* /dev/nvidia-caps/* /dev/dri/* 2>/dev/null | sed -n 's/^c.* \\([0-9]*\\), *\\([0-9]*\\) .* \\(\\/.*\\)$/\\3 \\1:\\2/p'";

describe.each(callers())("GPUs as $kind", (caller) => {
  let at: World;
  let env: Readonly<Record<string, string>>;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    env = { PAVLOS_DRIVER_ROOT: writeTree(join(at.directory, "machine"), machines.dgx) };
  });
  afterEach(() => at.end());

  const write = (...lines: string[]) =>
    at.write(
      "environments/gpu.yaml",
      ["rootfs: ../root", "command: [sleep, '1000']", ...lines, ""].join("\n"),
    );
  const machine = (name: MachineName) => {
    const directory = join(at.directory, "machine");
    rmSync(directory, { recursive: true, force: true });
    env = { PAVLOS_DRIVER_ROOT: writeTree(directory, machines[name]) };
  };
  const pavlos = (...args: string[]) => at.pavlosWith({ env }, ...args);
  const inside = (script: string) =>
    expectCode(pavlos("exec", "gpu", "--", "sh", "-c", script), 0).stdout.trim();

  it("are exactly those that are asked for, with exactly the files of their capabilities", () => {
    write("gpus: [2]");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(inside(nodes).split("\n").sort()).toEqual(
      [
        "/dev/nvidia-uvm 511:0",
        "/dev/nvidia-uvm-tools 511:1",
        `/dev/nvidia${dgxGpus[2]?.minor} 195:${dgxGpus[2]?.minor}`,
        "/dev/nvidiactl 195:255",
      ].sort(),
    );
    const libraries = inside("cd /usr/local/nvidia/lib64 && ls").split("\n");
    expect(libraries.filter((name) => name.endsWith(version))).toHaveLength(10);
    expect(inside("readlink /usr/local/nvidia/lib64/libcuda.so.1")).toBe(`libcuda.so.${version}`);
    expect(inside("ls /usr/local/nvidia/bin; nvidia-smi -L | head -n 1")).toContain("GPU 0");
    expect(inside("echo $NVIDIA_VISIBLE_DEVICES; touch /usr/local/nvidia/x 2>&1; true")).toMatch(
      /^void\n.*Read-only/,
    );
    expectCode(pavlos("diff"), 0);
  });

  it("come and go while the same process runs; one that is held needs a restart, and diff says so", () => {
    machine("openable");
    write();
    expectCode(pavlos("apply", "--yes"), 0);
    const { pid } = at.ps("gpu");
    const visible =
      "ls /dev | grep nvidia; ls -A /usr/local/nvidia 2>/dev/null; ls -d /proc/driver/nvidia 2>/dev/null; command -v nvidia-smi; env | grep -i nvidia; true";
    expect(inside(visible)).toBe("");
    write("gpus: all");
    expect(expectCode(pavlos("diff"), 2).stdout).toMatch(/gpu +live/);
    expectCode(pavlos("apply", "--yes"), 0);
    expect(at.ps("gpu").pid).toBe(pid);
    expect(
      inside(
        "head -c 5 /dev/nvidia7 | wc -c; command -v nvidia-smi; cat /etc/ld.so.cache | grep -c libcuda.so.1",
      ),
    ).toBe("5\n/usr/local/nvidia/bin/nvidia-smi\n1");
    expectCode(pavlos("diff"), 0);
    inside("sleep 1000 </dev/nvidia7 >/dev/null 2>&1 & echo $! >/tmp/holder");
    write();
    expect(expectCode(pavlos("diff"), 2).stdout).toMatch(
      /gpu +restart[\s\S]*forces restart: \/dev\/nvidia7: it is in use by sleep/,
    );
    inside("kill -9 $(cat /tmp/holder)");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(at.ps("gpu").pid).toBe(pid);
    expect(inside(visible)).toBe("");
    expectCode(pavlos("diff"), 0);
  });
});
