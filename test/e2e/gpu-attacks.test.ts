import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type MachineName, machines } from "../fixtures/nvidia/machines.ts";
import { writeTree } from "../fixtures/nvidia/tree.ts";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

const rounds = process.env.PAVLOS_LONG === "1" ? 60 : 4;

/** What went wrong in other attachments of GPUs: each with its rule in docs/gpu.md. */
describe.each(callers())("GPUs cannot be used for an attack, as $kind:", (caller) => {
  let at: World;
  let tree: string;
  /** A directory of the host that everybody may write to: nothing may ever be in it. */
  let victim: string;
  /** From any directory of a root out to it; within the root it is a directory of that name. */
  let out: string;

  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    tree = machine("laptop");
    victim = join(at.directory, "victim");
    mkdirSync(victim);
    chmodSync(victim, 0o777);
    out = `${"../".repeat(20)}${victim.slice(1)}`;
    inRoot("mkdir", "-p", `.${victim}`);
  });
  afterEach(() => at.end());

  const machine = (name: MachineName) => {
    const directory = join(at.directory, "machine");
    rmSync(directory, { recursive: true, force: true });
    return writeTree(directory, machines[name]);
  };
  const inRoot = (...argv: string[]) =>
    expectCode(at.command("env", "-C", join(at.project, "root"), ...argv), 0);
  const pavlos = (...args: string[]) => at.pavlosWith({ env: { PAVLOS_DRIVER_ROOT: tree } }, ...args);
  const inside = (script: string) =>
    expectCode(pavlos("exec", "gpu", "--", "sh", "-c", script), 0).stdout.trim();
  const write = (...lines: string[]) =>
    at.write(
      "environments/gpu.yaml",
      ["rootfs: ../root", "command: [sleep, '1000']", ...lines, ""].join("\n"),
    );
  const specFile = (name: string, containerEdits: object) => {
    const file = join(tree, "etc/cdi", `${name}.json`);
    mkdirSync(join(tree, "etc/cdi"), { recursive: true });
    const devices = [{ name: "a", containerEdits }];
    writeFileSync(file, JSON.stringify({ cdiVersion: "0.6.0", kind: `${name}.com/x`, devices }));
    return file;
  };

  it("links of a root do not lead what is mounted or written out of it, at the start and later", () => {
    inRoot("mkdir", "-p", "lib");
    const paths = ["usr/local", "etc/OpenCL", "etc/ld.so.conf.d", "lib/firmware"];
    for (const [index, path] of paths.entries()) {
      inRoot("mkdir", `.${victim}/${index}`);
      inRoot("ln", "-s", `${out}/${index}`, path);
      mkdirSync(join(victim, String(index)));
      chmodSync(join(victim, String(index)), 0o777);
    }
    inRoot("ln", "-s", `${out}/cache`, "etc/ld.so.cache");
    for (const lines of [["gpus: all"], [], ["gpus: all"]]) {
      write(...lines);
      expectCode(pavlos("apply", "--yes"), 0);
      expect(readdirSync(victim, { recursive: true }).sort()).toEqual(["0", "1", "2", "3"]);
    }
    // Within the root the links lead to a directory of it.
    expect(inside("ls -d /usr/local/nvidia/lib64/libcuda.so.1; test -L /etc/ld.so.cache || echo own")).toBe(
      "/usr/local/nvidia/lib64/libcuda.so.1\nown",
    );
  });

  it("nor do links that are exchanged while GPUs come and go", () => {
    const swap = `while :; do busybox mv /usr/local /usr/away; ln -s ${out} /usr/local; rm /usr/local; busybox mv /usr/away /usr/local; done`;
    inRoot("mkdir", "usr/local");
    write();
    expectCode(pavlos("apply", "--yes"), 0);
    inside(`{ ${swap}; } >/dev/null 2>&1 &`);
    for (let round = 0; round < rounds; round += 1) {
      write(round % 2 === 0 ? "gpus: all" : "");
      // Whether it succeeds is the container's own affair.
      pavlos("apply", "--yes");
      expect(readdirSync(victim)).toEqual([]);
    }
  });

  it("a library that a root brings is never mounted, whatever it is called", () => {
    const secret = at.write("secret", "secret\n");
    const names = ["usr/lib/libcuda.so.580.65.06", "usr/local/cuda/compat/libcuda.so.999.1"];
    inRoot("mkdir", "-p", "usr/lib", "usr/local/cuda/compat");
    for (const name of names) inRoot("ln", "-s", secret, name);
    write("gpus: all");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(inside(`cat ${names.map((name) => `/${name}`).join(" ")} 2>/dev/null; true`)).toBe("");
    const mounts = inside("cat /proc/self/mountinfo").split("\n");
    expect(mounts.filter((line) => line.includes(join(at.project, "root/usr")))).toEqual([]);
    // What comes in stays the container's: no mount of it is shared with the host.
    expect(mounts.filter((line) => /nvidia.* shared:/.test(line))).toEqual([]);
  });

  it("hooks see nothing of an image, and GPUs need none; who else than root wrote a CDI file is not heard", () => {
    const hook = join(tree, "usr/bin/hook");
    writeFileSync(hook, '#!/bin/sh\n{ /usr/bin/env; pwd; } >"${0%/*}/said"\n', { mode: 0o755 });
    chmodSync(join(tree, "usr/bin"), 0o777);
    const hooks = [{ hookName: "createRuntime", path: hook, args: ["hook"], env: ["LD_PRELOAD=/x"] }];
    specFile("mine", { env: ["FROM=mine"], hooks });
    const forged = specFile("forged", { mounts: [{ hostPath: "/root", containerPath: "/x" }] });
    chownSync(forged, 12_345, 12_345);
    write("devices: [forged.com/x=a]");
    expect(expectCode(pavlos("apply", "--yes"), 1).stderr).toContain("it is not trusted");
    write("gpus: all", "env: {LD_PRELOAD: /evil.so}");
    expectCode(pavlos("apply", "--yes"), 0);
    const [config = ""] = at.command("find", at.home, "-name", "config.json").stdout.trim().split("\n");
    expect(JSON.parse(readFileSync(config, "utf8")).hooks ?? {}).toEqual({});
    write("devices: [mine.com/x=a]", "env: {LD_PRELOAD: /evil.so}");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(readFileSync(join(tree, "usr/bin/said"), "utf8").replace(/^(PWD|SHLVL|_)=.*\n/gm, "")).toBe("/\n");
    expect(inside("echo $FROM")).toBe("mine");
  });

  it("links that a CDI file asks for are made within the root", () => {
    const args = ["nvidia-cdi-hook", "create-symlinks", "--link", "libx.so.1::/usr/lib/libx.so"];
    specFile("link", { hooks: [{ hookName: "createContainer", path: "/usr/bin/nvidia-cdi-hook", args }] });
    inRoot("ln", "-s", out, "usr/lib");
    write("devices: [link.com/x=a]");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(readdirSync(victim)).toEqual([]);
    expect(inside("readlink /usr/lib/libx.so")).toBe("libx.so.1");
  });

  it("what an image says about NVIDIA gives nothing", () => {
    write("env: {NVIDIA_VISIBLE_DEVICES: all, NVIDIA_DRIVER_CAPABILITIES: all}");
    expectCode(pavlos("apply", "--yes"), 0);
    expect(inside("ls /dev | grep nvidia; ls -d /usr/local/nvidia 2>/dev/null; true")).toBe("");
  });

  it("a node that was not given cannot be made or opened, also with the right to make nodes", () => {
    const attempt = "busybox mknod /tmp/n c 195 1 2>&1; head -c 1 /tmp/n 2>&1; rm -f /tmp/n; true";
    for (const more of [[], ["user: root", "security: {capabilities: {add: [MKNOD]}}"]]) {
      write("gpus: all", ...more);
      expectCode(pavlos("apply", "--yes"), 0);
      expect(inside(attempt)).toMatch(/^(.*not permitted\n?)+(.*No such file.*)?$/);
      expect(inside("ls /dev | grep -c '^nvidia[0-9]'")).toBe("1");
    }
  });

  it("a node with another number than the driver's is not taken for the driver's", () => {
    const node = join(tree, "dev/nvidia0");
    rmSync(node);
    writeTree(tree, { files: {}, links: {}, directories: [], nodes: { "/dev/nvidia0": [1, 5] } });
    write("gpus: all");
    const applied = pavlos("apply", "--yes");
    // Root makes the node itself, with the number that the driver says; others are told.
    if (caller.kind === "root") {
      expectCode(applied, 0);
      expect(inside("stat -c %t:%T /dev/nvidia0")).toBe("c3:0");
    } else expect(expectCode(applied, 1).stderr).toMatch(/the node \/dev\/nvidia0 \(195:0\) is not there/);
  });
});
