import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { GpuRow } from "../../src/model/gpus.ts";
import { dgxGpus, type MachineName, machines, version } from "../fixtures/nvidia/machines.ts";
import { writeTree } from "../fixtures/nvidia/tree.ts";
import { callers } from "./support/callers.ts";
import { thirdGpuBox } from "./support/legacy.ts";
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

  it("are found by programs on the machine's own root, by the cache or the path that was written for them", () => {
    machine("laptop");
    at.write("environments/gpu.yaml", "gpus: all\n");
    expectCode(pavlos("apply", "--yes"), 0);
    const preload = (name: string) =>
      expectCode(pavlos("exec", "gpu", "--", "/bin/sh", "-c", `LD_PRELOAD=${name} /bin/true`), 0).stderr;
    expect(preload("libcuda.so.1")).toBe("");
    expect(preload("libnvidia-ml.so.1")).toBe("");
    expect(preload("libnothing.so.1")).toContain("cannot be preloaded");
    expect(inside("nvidia-smi -L")).toContain("GPU 0");
    expectCode(pavlos("diff"), 0);
  });

  it("use newer CUDA libraries that a root brings, where they know the driver, and only then", () => {
    machine("laptop");
    const compat = join(at.project, "root/usr/local/cuda/compat");
    const bring = (brought: string) => {
      at.command("rm", "-rf", compat);
      at.command("mkdir", "-p", compat);
      at.command("touch", join(compat, `libcuda.so.${brought}`));
      at.command("ln", "-s", `libcuda.so.${brought}`, join(compat, "libcuda.so.1"));
    };
    /** What the loader gives for libcuda.so.1, first to last. */
    const known = () =>
      [...inside("busybox strings /etc/ld.so.cache").matchAll(/^\/.*\/libcuda\.so\.1$/gm)].map(
        ([path]) => path,
      );
    bring("590.44.01");
    write("gpus: all");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(known()).toEqual(["/usr/local/cuda/compat/libcuda.so.1", "/usr/local/nvidia/lib64/libcuda.so.1"]);
    // Without compute nothing of CUDA is wanted; live.
    write("gpus: {capabilities: [utility]}");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(known()).toEqual([]);
    expectCode(pavlos("destroy", "--yes"), 0);
    bring("570.86.15");
    write("gpus: all");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(known()).toEqual(["/usr/local/nvidia/lib64/libcuda.so.1"]);
  });

  it("come and go while the same process runs; one that is held needs a restart, and diff says so", () => {
    machine("openable");
    write();
    expectCode(pavlos("apply", "--yes"), 0);
    const { pid } = at.ps("gpu");
    const visible =
      "ls /dev | grep nvidia; ls -A /usr/local/nvidia 2>/dev/null; ls -d /proc/driver/nvidia 2>/dev/null; command -v nvidia-smi; env | grep -i nvidia; true";
    expect(inside(visible)).toBe("");
    write("devices: ['/dev/nvidia7:/dev/mine:r']");
    expect(expectCode(pavlos("diff"), 2).stdout).toMatch(/devices +\+ \/dev\/nvidia7:\/dev\/mine \(r\)/);
    expectCode(pavlos("apply", "--yes"), 0);
    expect(inside("head -c 5 /dev/mine | wc -c; ls /dev | grep -c nvidia; true")).toBe("5\n0");
    write("gpus: all");
    expect(expectCode(pavlos("diff"), 2).stdout).toMatch(/gpu +live/);
    expectCode(pavlos("apply", "--yes"), 0);
    expect(at.ps("gpu").pid).toBe(pid);
    expect(inside("ls /dev/mine 2>/dev/null; true")).toBe("");
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

  it("are reserved, chosen by count, refused with a reason, and seen by `pavlos gpu`", () => {
    write("gpus: {ids: [0], exclusive: true}");
    at.write("environments/two.yaml", "rootfs: ../root\ngpus: 1\n");
    expectCode(pavlos("apply", "--yes"), 0);
    const rows = JSON.parse(expectCode(pavlos("gpu", "--json"), 0).stdout) as GpuRow[];
    expect(
      rows.map(({ uuid, memory, usedBy }) => [uuid, memory, usedBy.map((user) => user.environment)]),
    ).toEqual(
      dgxGpus.map(({ uuid }, index) => [
        uuid,
        81_559 * 2 ** 20,
        index === 0 ? ["gpu"] : index === 1 ? ["two"] : [],
      ]),
    );
    expect(expectCode(pavlos("gpu"), 0).stdout).toMatch(
      /^GPU +NAME.*\n0 +NVIDIA H100.*project\/gpu \(alone\)\n/,
    );
    at.write("environments/two.yaml", "rootfs: ../root\ngpus: [0]\n");
    const refused = expectCode(pavlos("apply", "--yes"), 1);
    expect(refused.stderr).toMatch(/two: the GPU GPU-0{8}\S* is reserved by gpu of project/);
    at.write("environments/two.yaml", "rootfs: ../root\ngpus: {count: 1, memory: 200GiB, optional: true}\n");
    expect(expectCode(pavlos("apply", "--yes"), 0).stderr).toMatch(
      /goes on without GPUs: 1 GPU wanted, 0 of 8 fit: GPU 0/,
    );
    at.write("environments/two.yaml", "rootfs: ../root\ngpus: [3]\nenv: {NVIDIA_REQUIRE_CUDA: cuda>=99}\n");
    expect(expectCode(pavlos("apply", "--yes"), 1).stderr).toContain(
      "GPU 3: NVIDIA_REQUIRE_CUDA asks for cuda>=99, here are driver 580.65.06, CUDA 13.0",
    );
    at.write("environments/two.yaml", "rootfs: ../root\ngpus: [11]\n");
    expect(expectCode(pavlos("apply", "--yes"), 1).stderr).toMatch(
      /there is no GPU 11[\s\S]*two\.yaml:2:7[\s\S]*there are 0 \(GPU-/,
    );
  });
});

describe.each(callers().filter(({ kind }) => kind === "root"))("as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
  });
  afterEach(() => at.end());
  const driver = (name: MachineName) => ({
    PAVLOS_DRIVER_ROOT: writeTree(join(at.directory, name), machines[name]),
  });

  it("nvidiaGpus of the first Pavlos is exactly these indexes", () => {
    const file = thirdGpuBox(at, nodes);
    const outcome = expectCode(at.pavlosWith({ env: driver("dgx") }, "run", file), 0);
    expect(outcome.stdout).toContain(`/dev/nvidia${dgxGpus[2]?.minor} 195:${dgxGpus[2]?.minor}`);
    expect(outcome.stdout.match(/\/dev\/nvidia\d /g)).toHaveLength(1);
  });

  it("mode: toolkit leaves the work to NVIDIA's hook, which sees none of our variables", () => {
    const env = driver("toolkit");
    at.write("environments/gpu.yaml", "rootfs: ../root\ngpus: {ids: [1], mode: toolkit}\n");
    expectCode(at.pavlosWith({ env }, "apply", "--yes"), 0);
    const said = readFileSync(join(env.PAVLOS_DRIVER_ROOT, "usr/bin/said"), "utf8");
    expect(said.replace(/^(PWD|SHLVL|_)=.*\n/gm, "")).toBe("prestart\n");
    const inside = at.pavlos(
      "exec",
      "gpu",
      "--",
      "sh",
      "-c",
      "echo $NVIDIA_VISIBLE_DEVICES $NVIDIA_DRIVER_CAPABILITIES",
    );
    expect(inside.stdout.trim()).toBe(`${dgxGpus[1]?.uuid} compute,utility`);
    expect(expectCode(at.pavlosWith({ env: driver("dgx") }, "diff"), 2).stdout).toContain(
      "mode: toolkit needs",
    );
  });
});
