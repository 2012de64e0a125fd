import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Image, image, writeLayout } from "../support/oci.ts";
import { busyboxLayer } from "./support/busybox-image.ts";
import { callers } from "./support/callers.ts";
import { expectCode, type World, world } from "./support/world.ts";

/** PAVLOS_LONG=1: as many as a release wants. */
const cuts = process.env.PAVLOS_LONG === "1" ? 100 : 4;
const timeout = process.env.PAVLOS_LONG === "1" ? 3_600_000 : 300_000;

/** Only root may mount a file system of its own, which can lose its power alone. */
const caller = callers().find(({ kind }) => kind === "root");
const able = caller !== undefined && existsSync("/dev/loop-control");
if (!able) process.stderr.write("power-cut.test.ts: no root or no loop devices here; nothing was tested\n");

describe.runIf(able)("a power cut", () => {
  let at: World;
  let disk: string;
  beforeEach(() => {
    if (caller === undefined) return;
    at = world(caller);
    disk = join(at.directory, "disk");
    writeFileSync(disk, "");
    truncateSync(disk, 1 << 29);
    execFileSync("mkfs.ext4", ["-q", "-F", disk]);
    mount();
    writeLayout(join(at.project, "small"), { test: image({ layers: [busyboxLayer()] }) });
    writeLayout(join(at.project, "large"), { test: large() });
    at.write("environments/small.yaml", "rootfs: {image: 'oci:../small:test'}\n");
    at.write("environments/large.yaml", "rootfs: {image: 'oci:../large:test'}\n");
  });
  afterEach(() => {
    unmount();
    rmSync(disk, { force: true });
    at.end();
  });

  it(`at ${cuts} moments of a pull loses nothing that was done before`, { timeout }, async () => {
    // What follows is worth something only when a cut really drops what was not synced.
    const unsynced = join(at.home, "unsynced");
    writeFileSync(unsynced, "not on the disk yet");
    cut();
    expect(existsSync(unsynced) ? readFileSync(unsynced, "utf8") : "").toBe("");
    expectCode(at.pavlos("pull", "small"), 0);
    const began = performance.now();
    expectCode(at.pavlos("pull", "large"), 0);
    const whole = performance.now() - began;
    for (let cut = 0; cut < cuts; cut++) {
      expectCode(at.pavlos("gc", "--grace", "0s", "--max-size", "1"), 0);
      expectCode(at.pavlos("pull", "small"), 0);
      const moment = Math.random() * whole * 1.2;
      const ended = await cutDuring(moment, "pull", "large");
      const told = `cut ${cut}, after ${Math.round(moment)} of ${Math.round(whole)} ms, it ended with ${ended}`;
      expect(damages(), told).toEqual([]);
      expect(complete(), told).toContain("small");
      if (ended === 0) expect(complete(), told).toContain("large");
      expectCode(at.pavlos("pull"), 0);
      expect(damages(), told).toEqual([]);
      expect(complete(), told).toEqual(["large", "small"]);
    }
  });

  /** Runs pavlos, and cuts the power after so long; its exit code, or null when it was still at work. */
  const cutDuring = (ms: number, ...args: string[]): Promise<number | null> =>
    new Promise((resolve, reject) => {
      const child = at.spawn(...args);
      child.stdout?.resume();
      child.stderr?.resume();
      const end = (): void => {
        const { exitCode } = child;
        try {
          cut(child);
          resolve(exitCode);
        } catch (error) {
          reject(error);
        }
      };
      setTimeout(end, ms);
    });

  const cut = (process: { kill(signal: "SIGKILL"): unknown } | null = null): void => {
    dropUnsynced();
    process?.kill("SIGKILL");
    unmount();
    // What is on the disk now, as another one: the old one may be held for a moment.
    const copy = `${disk}-`;
    execFileSync("cp", ["--sparse=always", disk, copy]);
    rmSync(disk);
    disk = copy;
    mount();
  };

  /** The file system ends as with the power: what is not on the disk, also of its journal, is gone. */
  const dropUnsynced = (): void => {
    // EXT4_IOC_SHUTDOWN, without a flush of the log.
    const shutdown =
      'my $noflush = pack("L", 2); open F, "<", $ARGV[0] or die; ioctl(F, 0x8004587d, $noflush) or die $!';
    execFileSync("perl", ["-e", shutdown, at.home]);
  };

  const damages = (): unknown => JSON.parse(at.pavlos("images", "verify", "--json").stdout).damages;

  /** Images that are there as a whole. */
  const complete = (): readonly string[] => {
    const { images } = JSON.parse(expectCode(at.pavlos("images", "--json"), 0).stdout);
    const whole = images.filter((one: { complete: boolean }) => one.complete);
    return whole
      .map(({ reference }: { reference: string }) => /(small|large):test$/.exec(reference)?.[1])
      .sort();
  };

  const mount = (): void => {
    // Without the repair that ext4 makes for programs that rename what they have not synced.
    execFileSync("mount", ["-o", "loop,noauto_da_alloc", disk, at.home]);
    execFileSync("chmod", ["0700", at.home]);
  };

  /** Whoever was killed may still have it open: it goes when they have let go. */
  const unmount = (): void => {
    if (spawnSync("mountpoint", ["-q", at.home]).status === 0) execFileSync("umount", ["-l", at.home]);
  };
});

function large(): Image {
  const layers = [1, 2, 3, 4].map((layer) =>
    Array.from({ length: 30 }, (_, file) => ({
      path: `data/${layer}/${file}`,
      content: `${layer} ${file}\n${randomBytes(50_000).toString("hex")}`,
    })),
  );
  return image({ layers: [busyboxLayer(), ...layers] });
}
