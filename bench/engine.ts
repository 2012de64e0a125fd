import { spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { version } from "./peers.ts";

export interface Engine {
  readonly ready: boolean;
  readonly stop: () => void;
}

/** Uses the docker engine that answers, or starts one where dockerd is installed and we are root. */
export function dockerEngine(directory: string): Engine {
  if (version("docker") === null) return { ready: false, stop: nothing };
  if (answers()) return { ready: true, stop: nothing };
  const data = join(directory, "docker");
  const daemon = spawn("dockerd", ["--data-root", data, "--storage-driver", "overlay2"], { stdio: "ignore" });
  daemon.on("error", (error) => process.stderr.write(`dockerd: ${error.message}\n`));
  for (let tries = 0; tries < 100 && !answers(); tries++) spawnSync("sleep", ["0.2"]);
  return { ready: answers(), stop: () => stopAndWait(daemon.pid) };
}

function answers(): boolean {
  return spawnSync("docker", ["info"], { stdio: "ignore" }).status === 0;
}

function stopAndWait(pid: number | undefined): void {
  if (pid === undefined) return;
  spawnSync("sh", [
    "-c",
    `kill ${pid}; for i in $(seq 50); do kill -0 ${pid} 2>/dev/null || exit; sleep 0.1; done; kill -9 ${pid}`,
  ]);
}

function nothing(): void {
  // The engine was there before us and stays.
}
