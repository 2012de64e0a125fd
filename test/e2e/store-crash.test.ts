import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { image, writeLayout } from "../support/oci.ts";
import { busyboxLayer } from "./support/busybox-image.ts";
import { callers } from "./support/callers.ts";
import { expectCode, type World, world } from "./support/world.ts";

/** PAVLOS_LONG=1: as many as a release wants. */
const crashes = process.env.PAVLOS_LONG === "1" ? 100 : 6;

describe.each(callers())("kill -9 of pulls, builds and gc as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    const big = [1, 2, 3, 4, 5].map((layer) =>
      Array.from({ length: 40 }, (_, file) => ({
        path: `data/${layer}/${file}`,
        content: `${layer} ${file}\n${randomBytes(20_000).toString("hex")}`,
      })),
    );
    writeLayout(join(at.project, "image"), { test: image({ layers: [busyboxLayer(), ...big] }) });
    execFileSync("chown", ["-R", `${caller.uid}:${caller.gid}`, at.project]);
    at.write("environments/image.yaml", 'rootfs: {image: "oci:../image:test"}\ncommand: [sleep, "1000"]\n');
    at.write(
      "environments/built.yaml",
      'rootfs:\n  from: {image: "oci:../image:test"}\n  steps: [{run: "echo built > /built"}, {run: "rm -r /data/1"}]\ncommand: [sleep, "1000"]\n',
    );
  });
  afterEach(() => at.end());

  const gc = ["gc", "--grace", "0s", "--max-size", "1"] as const;

  it(`at ${crashes} random moments: the store verifies, the next run works, gc takes the rest`, {
    timeout: 3_600_000,
  }, async () => {
    const began = performance.now();
    expectCode(at.pavlos("pull"), 0);
    expectCode(at.pavlos("build"), 0);
    const whole = performance.now() - began;
    for (let crash = 0; crash < crashes; crash++) {
      const work = crash % 3 === 2 ? gc : crash % 3 === 1 ? ["build"] : ["pull"];
      if (work !== gc) expectCode(at.pavlos(...gc), 0);
      const moment = (Math.random() * whole) / (work === gc ? 4 : 1);
      await killAfter(moment, work);
      const told = `crash ${crash}, ${work.join(" ")} killed after ${Math.round(moment)} ms`;
      expect(verified(), told).toEqual([]);
      for (const again of ["pull", "build"]) expectCode(at.pavlos(again), 0);
      expect(verified(), told).toEqual([]);
    }
    expectCode(at.pavlos("apply", "--yes"), 0);
    const inside = expectCode(
      at.pavlos("exec", "built", "--", "sh", "-c", "cat /built; ls /data; head -n 1 /data/5/7"),
      0,
    );
    expect(inside.stdout).toBe("built\n2\n3\n4\n5\n5 7\n");
    expectCode(at.pavlos("destroy", "--yes"), 0);
    expectCode(at.pavlos(...gc), 0);
    expect(readdirSync(join(at.home, "data/store/layers"))).toEqual([]);
    expect(readdirSync(join(at.home, "data/store/images"))).toEqual([]);
  });

  /** What is damaged now. */
  const verified = () => JSON.parse(at.pavlos("images", "verify", "--json").stdout).damages;

  const killAfter = (ms: number, args: readonly string[]) =>
    new Promise<void>((resolve) => {
      const child = at.spawn(...args);
      const timer = setTimeout(() => child.kill("SIGKILL"), ms);
      child.stdout?.resume();
      child.stderr?.resume();
      child.on("exit", () => {
        clearTimeout(timer);
        resolve();
      });
    });
});
