import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Timed } from "./timer.ts";
import type { Tools } from "./tools.ts";

/** The same idle services for Pavlos and for docker compose, and the commands to time. */
export interface Services {
  readonly apply: Timed;
  readonly up: Timed;
  readonly noop: Timed;
  readonly upAgain: Timed;
  readonly exec: Timed;
  readonly composeExec: Timed;
  readonly ps: Timed;
  readonly composePs: Timed;
}

const image = "pavlos-bench:latest";

/** Writes a project of `count` environments and the same as a compose file. */
export function services(tools: Tools, directory: string, count: number): Services {
  const root = join(directory, `project${count}`);
  const names = Array.from({ length: count }, (_, index) => `s${index}`);
  writeRoot(join(root, "root"));
  writeEnvironments(root, names);
  writeCompose(root, names);
  const pavlos = (...args: string[]): Timed => ({
    name: "pavlos",
    argv: [tools.pavlos, "-C", root, ...args],
  });
  const compose = (...args: string[]): Timed => ({
    name: "compose",
    argv: ["/usr/bin/docker", "compose", "-f", join(root, "compose.yaml"), ...args],
  });
  return {
    apply: { ...pavlos("apply", "--yes"), after: pavlos("destroy", "--yes").argv },
    up: { ...compose("up", "-d"), after: compose("down", "-t", "0").argv },
    noop: pavlos("apply", "--yes"),
    upAgain: compose("up", "-d"),
    exec: pavlos("exec", "s0", "--", "/bin/true"),
    composeExec: compose("exec", "-T", "s0", "/bin/true"),
    ps: pavlos("ps"),
    composePs: compose("ps"),
  };
}

function writeEnvironments(root: string, names: readonly string[]): void {
  mkdirSync(join(root, "environments"), { recursive: true });
  for (const name of names) {
    const text = "rootfs: ../root\ncommand: [/bin/sleep, infinity]\nstop: {timeout: 100ms}\n";
    writeFileSync(join(root, "environments", `${name}.yaml`), text);
  }
}

function writeCompose(root: string, names: readonly string[]): void {
  spawnSync("sh", ["-c", `tar -C ${join(root, "root")} -c . | docker import - ${image}`]);
  const services = names.map(
    (name) =>
      `  ${name}:\n    image: ${image}\n    command: [/bin/sleep, infinity]\n    network_mode: host\n`,
  );
  writeFileSync(join(root, "compose.yaml"), `services:\n${services.join("")}`);
}

/** A root with a static busybox and nothing else. */
export function writeRoot(root: string): void {
  for (const name of ["bin", "dev", "proc", "sys", "tmp", "etc"])
    mkdirSync(join(root, name), { recursive: true });
  const find = "command -v busybox || ls /root/bundle/rootfs/bin/busybox";
  const busybox = spawnSync("sh", ["-c", find], { encoding: "utf8" }).stdout.trim();
  if (busybox === "") throw new Error("busybox is missing: apt-get install busybox-static");
  for (const name of ["busybox", "sh", "true", "sleep"]) copyFileSync(busybox, join(root, "bin", name));
}
