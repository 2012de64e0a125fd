import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxArchive, busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

const moments = 50;

describe.each(callers())("kill -9 of pavlos as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    busyboxArchive(at, "root.tar.gz", "-z");
  });
  afterEach(() => at.end());

  it(`at ${moments} moments of an apply: the next apply converges and nothing is left over`, {
    timeout: 300_000,
  }, async () => {
    const whole = await duration();
    for (let moment = 0; moment < moments; moment++) {
      write(moment);
      await killAfter((whole * (moment + 0.5)) / moments);
      expectCode(at.pavlos("apply", "--yes"), 0);
      expectCode(at.pavlos("diff"), 0);
      for (const name of ["one", "two", "three"]) expect(at.ps(name).status).toBe("running");
      expect(readdirSync(join(at.home, "run/containers"))).toHaveLength(3);
      expect(temporary()).toEqual([]);
    }
  });

  /** Each moment applies another mixture: restarts, recreates from the archive, a new environment. */
  const write = (turn: number) => {
    at.write("environments/one.yaml", `rootfs: ../root\ncommand: [sleep, '${1000 + turn}']\n`);
    at.write(
      "environments/two.yaml",
      `rootfs: ${turn % 2 ? "../root.tar.gz" : "../root"}\ncommand: [sleep, '1000']\n`,
    );
    at.write(
      "environments/three.yaml",
      `rootfs: host\nlabels: {turn: '${turn}'}\nenv: {TURN: '${turn % 3}'}\n`,
    );
    if (turn % 5 === 0) expectCode(at.pavlos("destroy", "--yes"), 0);
  };

  const duration = async () => {
    write(0);
    const start = performance.now();
    expectCode(at.pavlos("apply", "--yes"), 0);
    return performance.now() - start;
  };

  const killAfter = (ms: number) =>
    new Promise<void>((resolve) => {
      const child = at.spawn("apply", "--yes");
      const timer = setTimeout(() => child.kill("SIGKILL"), ms);
      child.stdout?.resume();
      child.stderr?.resume();
      child.on("exit", () => {
        clearTimeout(timer);
        resolve();
      });
    });

  /** Layers that were being unpacked when the apply was killed. */
  const temporary = () =>
    at
      .command("find", join(at.home, "data/store"), "-maxdepth", "2", "-name", "*.tmp*")
      .stdout.split("\n")
      .filter(Boolean);
});
