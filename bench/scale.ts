import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerEngine } from "./engine.ts";
import type { Row, Suite } from "./report.ts";
import { services } from "./services.ts";
import { type Figures, type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

const sizes = [1, 10, 100, 500] as const;
/** As many are started; more say nothing new about the loop. */
const mostStarted = 200;
const composeSizes: ReadonlySet<number> = new Set([1, 20, 100]);

/** How it grows: diff and apply of many environments, and what a pavlos needs of memory. */
export function scale(tools: Tools): Suite {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-bench-"));
  process.env.PAVLOS_HOME = join(directory, "home");
  const engine = dockerEngine(directory);
  try {
    const own = sizes.map((count) => measure(tools, directory, count));
    const peers = engine.ready ? [1, 20, 100].map((count) => compose(tools, directory, count)) : [];
    const peer = engine.ready ? "" : "; docker compose was not found";
    return {
      title: "Scale",
      about: `Idle environments on the host's root; the 500 are compared, 200 of them started${peer}. Budget: diff of 500 in 300 ms, 100 started a second, less than 150 MB.`,
      rows: [...own, ...peers],
    };
  } finally {
    engine.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function measure(tools: Tools, directory: string, count: number): Row {
  const root = join(directory, `scale${count}`);
  mkdirSync(join(root, "environments"), { recursive: true });
  for (let index = 0; index < count; index += 1)
    writeFileSync(join(root, "environments", `e${index}.yaml`), text(index));
  const pavlos = (...args: string[]): Timed => ({
    name: "pavlos",
    argv: [tools.pavlos, "-C", root, ...args],
  });
  // Changes are an exit code of their own, and no failure.
  const look = `'${tools.pavlos}' -C '${root}' diff -q || [ $? -eq 2 ]`;
  const fresh = timed(tools, { name: "pavlos", argv: ["sh", "-c", look] }, 7);
  const started = Math.min(count, mostStarted);
  if (count > started)
    for (let index = started; index < count; index += 1) rmSync(join(root, "environments", `e${index}.yaml`));
  const began = performance.now();
  const applied = spawnSync(tools.pavlos, ["-C", root, "apply", "--yes", "-q"], { encoding: "utf8" });
  const took = performance.now() - began;
  if (applied.status !== 0) throw new Error(`apply of ${started} failed: ${applied.stderr}`);
  const noDiff = timed(tools, pavlos("diff", "-q"), 7);
  const noApply = timed(tools, pavlos("apply", "--yes", "-q"), 7);
  spawnSync(tools.pavlos, ["-C", root, "destroy", "--yes", "-q"]);
  return {
    what: `${count}${started < count ? ` (${started} started)` : ""}`,
    "diff, all new (ms)": fresh.wallMs,
    "apply (ms)": Math.round(took),
    "started a second": Math.round((started * 1000) / took),
    "diff, nothing to do (ms)": noDiff.wallMs,
    "apply, nothing to do (ms)": noApply.wallMs,
    "memory (MB)":
      fresh.rssKiB === null
        ? null
        : Math.round(Math.max(fresh.rssKiB, noDiff.rssKiB ?? 0, noApply.rssKiB ?? 0) / 1024),
  };
}

/** The same number of services with docker compose. */
function compose(tools: Tools, directory: string, count: number): Row {
  if (!composeSizes.has(count)) throw new Error(`no comparison for ${count}`);
  const { up, upAgain } = services(tools, directory, count);
  const [program = "", ...args] = up.argv;
  const began = performance.now();
  const started = spawnSync(program, args, { encoding: "utf8" });
  const took = performance.now() - began;
  const again = timed(tools, upAgain, 5);
  const [after = "", ...rest] = up.after ?? [];
  spawnSync(after, rest);
  return {
    what: `${count}, docker compose`,
    "apply (ms)": started.status === 0 ? Math.round(took) : null,
    "started a second": started.status === 0 ? Math.round((count * 1000) / took) : null,
    "apply, nothing to do (ms)": again.wallMs,
    "memory (MB)": again.rssKiB === null ? null : Math.round(again.rssKiB / 1024),
  };
}

const timed = (tools: Tools, command: Timed, rounds: number): Figures => {
  const [figures] = time(tools.timer, [command], { rounds, warmup: 1 }).values();
  if (figures === undefined) throw new Error("nothing was measured");
  return figures;
};

const text = (index: number): string => `rootfs: host
labels: {number: "${index}"}
env: {NAME: "environment ${index}"}
resources: {pids: 64}
stop: {timeout: 100ms}
`;
