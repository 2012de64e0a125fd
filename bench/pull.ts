import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerEngine, type Engine } from "./engine.ts";
import { version } from "./peers.ts";
import { makeImage, type PulledImage } from "./pull/image.ts";
import { type LocalRegistry, startRegistry } from "./pull/registry.ts";
import type { Row, Suite } from "./report.ts";
import { type Timed, time } from "./timer.ts";
import type { Tools } from "./tools.ts";

/** Megabytes of compressed layers; a smaller image tells less and is done sooner. */
const size = Number(process.env.PAVLOS_BENCH_PULL_MB ?? 900) * 1_000_000;
const rounds = Number(process.env.PAVLOS_BENCH_PULL_ROUNDS ?? 3);

/** Pull: an image from a registry on loopback until its files are there, in memory, nothing kept from before. */
export function pull(tools: Tools): Suite {
  const directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "pavlos-bench-"));
  const registry = startRegistry(directory);
  const engine = dockerEngine(directory);
  try {
    const images = [
      makeImage(registry, { name: "many", layers: 24, size }),
      makeImage(registry, { name: "giant", layers: 1, size }),
    ];
    return {
      title: "Pull",
      about: `An image of ${Math.round(size / 1e6)} MB (gzip) from ${registry.what} on loopback to files on tmpfs, both digests of each layer verified; cold: stores are emptied before each run. Ratios are Pavlos over the peer.`,
      rows: images.map((image) => row(tools, { directory, registry, engine }, image)),
    };
  } finally {
    engine.stop();
    registry.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

interface Place {
  readonly directory: string;
  readonly registry: LocalRegistry;
  readonly engine: Engine;
}

function row(tools: Tools, place: Place, image: PulledImage): Row {
  const measured = time(tools.timer, contenders(tools, place, image), { rounds, warmup: 0 });
  const own = measured.get("pavlos")?.wallMs ?? null;
  const row: Record<string, string | number | null> = { "pavlos (ms)": own };
  for (const [name, figures] of measured) {
    row[`${name}: peak memory (KiB)`] = name === "docker" ? null : figures.rssKiB;
    if (figures.failed > 0)
      process.stderr.write(`${name} failed ${figures.failed} times: ${figures.error}\n`);
    if (name === "pavlos") continue;
    row[`${name} (ms)`] = figures.wallMs;
    row[`ratio to ${name}`] = own !== null && figures.wallMs !== null ? own / figures.wallMs : null;
  }
  return { what: `${image.name}: ${image.layers} layers, ${image.entries} entries`, ...row };
}

function contenders(tools: Tools, { directory, registry, engine }: Place, image: PulledImage): Timed[] {
  const reference = `${registry.host}/bench/${image.name}:1`;
  const at = (name: string): string => join(directory, name);
  const shell = (script: string): readonly string[] => ["/bin/sh", "-c", script];
  const all: Timed[] = [
    {
      name: "pavlos",
      argv: shell(`cd ${directory} && PAVLOS_HOME=${at("home")} exec ${tools.pavlos} pull -q ${reference}`),
      after: shell(`rm -rf ${at("home")}`),
    },
  ];
  if (version("podman") !== null) {
    const podman = `podman --root ${at("podman")} --runroot ${at("podman-run")} --storage-driver overlay`;
    all.push({
      name: "podman",
      argv: shell(`${podman} pull -q --tls-verify=false ${reference} >/dev/null`),
      after: shell(
        `${podman} rmi -f ${reference} >/dev/null 2>&1; rm -rf ${at("podman")} ${at("podman-run")}`,
      ),
    });
  }
  if (version("skopeo") !== null && version("umoci") !== null)
    all.push({
      name: "skopeo + umoci",
      argv: shell(
        `skopeo copy -q --src-tls-verify=false docker://${reference} oci:${at("oci")}:1 && umoci unpack --image ${at("oci")}:1 ${at("bundle")} >/dev/null`,
      ),
      after: shell(`rm -rf ${at("oci")} ${at("bundle")}`),
    });
  if (engine.ready)
    all.push({
      name: "docker",
      argv: shell(`docker pull -q ${reference} >/dev/null`),
      after: shell(`docker rmi -f ${reference} >/dev/null`),
    });
  // The command must not find a project's files above it.
  mkdirSync(join(directory, ".git"), { recursive: true });
  spawnSync("sync");
  return all;
}
