import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { makeSmallImage } from "./pull/image.ts";
import { startRegistry } from "./pull/registry.ts";
import type { Row, Suite } from "./report.ts";
import { writeRoot } from "./services.ts";
import { type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

const layers = 24;
const rounds = Number(process.env.PAVLOS_BENCH_WARM_ROUNDS ?? 15);

/** What an image costs an apply when it is in the store: the same root as a directory is the measure. */
export function warm(tools: Tools): Suite {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-bench-"));
  process.env.PAVLOS_HOME = join(directory, "home");
  const registry = startRegistry(directory);
  const root = join(directory, "root");
  writeRoot(root);
  makeSmallImage(registry, { name: "warm", root, layers });
  const image = project(tools, join(directory, "image"), `{image: "${registry.host}/bench/warm:1"}`);
  const plain = project(tools, join(directory, "directory"), root);
  try {
    // What is in the store and pinned needs no network: nobody answers from here on.
    run(image.apply.argv);
    registry.stop();
    run(image.destroy);
    run(plain.apply.argv);
    run(plain.destroy);
    return {
      title: "Warm apply",
      about: `apply of an environment whose image of ${layers} layers is in the store and pinned, the registry stopped, against the same files as a directory.`,
      rows: [
        row(tools, "apply, from nothing to running", [
          { ...image.apply, after: image.destroy },
          { ...plain.apply, after: plain.destroy },
        ]),
        ...whileUp([image, plain], () => row(tools, "apply, nothing to do", [image.apply, plain.apply])),
      ],
    };
  } finally {
    registry.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Project {
  readonly apply: Timed;
  readonly destroy: readonly string[];
}

function project(tools: Tools, root: string, rootfs: string): Project {
  mkdirSync(join(root, "environments"), { recursive: true });
  const text = `rootfs: ${rootfs}\ncommand: [/bin/sleep, infinity]\nstop: {timeout: 100ms}\n`;
  writeFileSync(join(root, "environments/box.yaml"), text);
  const pavlos = (...args: string[]) => [tools.pavlos, "-C", root, ...args];
  return { apply: { name: root, argv: pavlos("apply", "--yes") }, destroy: pavlos("destroy", "--yes") };
}

function whileUp(projects: readonly Project[], measure: () => Row): readonly Row[] {
  for (const { apply } of projects) run(apply.argv);
  try {
    return [measure()];
  } finally {
    for (const { destroy } of projects) run(destroy);
  }
}

function row(tools: Tools, what: string, commands: readonly Timed[]): Row {
  const measured = [...time(tools.timer, commands, { rounds, warmup: 3 }).values()];
  const [image, plain] = measured.map(({ wallMs }) => wallMs);
  const failed = measured.find((figures) => figures.failed > 0);
  return {
    what,
    "image (ms)": image ?? null,
    "directory (ms)": plain ?? null,
    "added (ms)": image != null && plain != null ? image - plain : null,
    ...(failed ? { note: `${failed.failed} failed: ${failed.error.trim().slice(0, 200)}` } : {}),
  };
}

function run(argv: readonly string[]): void {
  const [program = "", ...args] = argv;
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${argv.join(" ")}: ${done.stderr}`);
}
