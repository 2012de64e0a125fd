import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { machines } from "../test/fixtures/nvidia/machines.ts";
import { writeTree } from "../test/fixtures/nvidia/tree.ts";
import type { Row, Suite } from "./report.ts";
import { writeRoot } from "./services.ts";
import { type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

const rounds = 15;

/**
 * What GPUs cost: a start with the eight of a fixture (a DGX H100, the full set of libraries) against the
 * same start without, and the look at the machine by a process that has just begun.
 */
export function gpu(tools: Tools): Suite {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-bench-"));
  process.env.PAVLOS_HOME = join(directory, "home");
  process.env.PAVLOS_DRIVER_ROOT = writeTree(join(directory, "machine"), machines.dgx);
  try {
    const root = join(directory, "root");
    writeRoot(root);
    const without = project(tools, { directory, root, name: "without", gpus: "none" });
    const all = project(tools, { directory, root, name: "all", gpus: "{capabilities: [all]}" });
    const measured = time(tools.timer, [without, all], { rounds, warmup: 2 });
    const [before, after] = [measured.get("without"), measured.get("all")];
    const failed = [before, after].find((figures) => figures !== undefined && figures.failed > 0);
    const found = discovery();
    return {
      title: "GPUs",
      about:
        "A fixture with 8 GPUs and the full set of libraries. The budget for attaching is 5 ms, for the look 10 ms.",
      rows: [
        {
          what: "apply of 1, with 8 GPUs and all capabilities",
          "with (ms)": after?.wallMs ?? null,
          "without (ms)": before?.wallMs ?? null,
          "difference (ms)": after?.wallMs && before?.wallMs ? after.wallMs - before.wallMs : null,
          ...(failed ? { note: failed.error.trim().slice(0, 200) } : {}),
        },
        { what: "look at the machine, first in a process", "with (ms)": found } satisfies Row,
      ],
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Wanted {
  readonly directory: string;
  readonly root: string;
  readonly name: string;
  readonly gpus: string;
}

function project({ pavlos }: Tools, { directory, root, name, gpus }: Wanted): Timed {
  const at = join(directory, name);
  mkdirSync(join(at, "environments"), { recursive: true });
  mkdirSync(join(at, ".git"));
  writeFileSync(join(at, "environments/gpu.yaml"), `rootfs: {path: ${root}}\ngpus: ${gpus}\n`);
  return {
    name,
    argv: [pavlos, "-C", at, "apply", "--yes", "--quiet"],
    after: [pavlos, "-C", at, "destroy", "--yes", "--quiet"],
  };
}

/** Median of fresh processes, each timed by itself around the look alone. */
function discovery(): number | null {
  const source = `
    const { driverTreeOf } = await import(${JSON.stringify(join(import.meta.dirname, "../src/host/driver-tree.ts"))});
    const { findDriver, findDriverFiles } = await import(${JSON.stringify(join(import.meta.dirname, "../src/providers/devices/nvidia/discover.ts"))});
    const begin = performance.now();
    const tree = driverTreeOf(process.env);
    findDriverFiles(tree, findDriver(tree), { arch: process.arch, kernel: "6.12.0" });
    console.log(performance.now() - begin);`;
  const times = Array.from({ length: rounds }, () => {
    const done = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
    if (done.status !== 0) throw new Error(done.stderr);
    return Number(done.stdout);
  }).sort((left, right) => left - right);
  return times[Math.floor(times.length / 2)] ?? null;
}
