import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerEngine } from "./engine.ts";
import { version } from "./peers.ts";
import type { Row, Suite } from "./report.ts";
import { type Services, services } from "./services.ts";
import { type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

const rounds = { rounds: 9, warmup: 1 };

/**
 * The command line against docker compose: services that idle on the host's network, from a root
 * that is present. Starts a dockerd of its own where one is installed and none answers.
 */
export function commandLine(tools: Tools): Suite {
  const directory = mkdtempSync(join(tmpdir(), "pavlos-bench-"));
  process.env.PAVLOS_HOME = join(directory, "home");
  const engine = dockerEngine(directory);
  try {
    const one = services(tools, directory, 1);
    const twenty = services(tools, directory, 20);
    const compose = engine.ready;
    const peer = compose
      ? `docker compose ${version("docker", ["compose", "version", "--short"]) ?? ""}`
      : "docker compose was not found";
    return {
      title: "Command line",
      about: `Idle services on the host's network from a root that is present; ${peer.trim()}. Ratios are Pavlos over the peer.`,
      rows: [
        start(tools),
        pair("apply of 1", one.apply, compose ? one.up : null, tools),
        pair("apply of 20", twenty.apply, compose ? twenty.up : null, tools),
        ...whileUp(one, compose, () => [
          pair("apply of 1, nothing to do", one.noop, compose ? one.upAgain : null, tools),
          pair("exec of true", one.exec, compose ? one.composeExec : null, tools),
          pair("ps", one.ps, compose ? one.composePs : null, tools),
        ]),
        ...whileUp(twenty, compose, () => [
          pair("apply of 20, nothing to do", twenty.noop, compose ? twenty.upAgain : null, tools),
        ]),
      ],
    };
  } finally {
    engine.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function start(tools: Tools): Row {
  const measured = time(tools.timer, [{ name: "pavlos", argv: [tools.pavlos, "--version"] }], {
    rounds: 15,
    warmup: 2,
  });
  return { what: "start of the bundle (--version)", "pavlos (ms)": measured.get("pavlos")?.wallMs ?? null };
}

function pair(what: string, own: Timed, peer: Timed | null, tools: Tools): Row {
  const measured = time(tools.timer, peer ? [own, peer] : [own], rounds);
  const ours = measured.get(own.name);
  const theirs = peer ? measured.get(peer.name) : undefined;
  const failed = [ours, theirs].find((figures) => figures !== undefined && figures.failed > 0);
  return {
    what,
    "pavlos (ms)": ours?.wallMs ?? null,
    "compose (ms)": theirs?.wallMs ?? null,
    ratio: ours?.wallMs && theirs?.wallMs ? ours.wallMs / theirs.wallMs : null,
    ...(failed ? { note: `${failed.failed} failed: ${failed.error.trim().slice(0, 200)}` } : {}),
  };
}

function whileUp(setup: Services, compose: boolean, measure: () => Row[]): Row[] {
  run(setup.apply.argv);
  if (compose) run(setup.up.argv);
  try {
    return measure();
  } finally {
    run(setup.apply.after ?? []);
    if (compose) run(setup.up.after ?? []);
  }
}

function run(argv: readonly string[]): void {
  const [program = "", ...args] = argv;
  const done = spawnSync(program, args, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`${argv.join(" ")}: ${done.stderr}`);
}
