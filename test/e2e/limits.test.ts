import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type World, world } from "./support/world.ts";

const mib = 1024 * 1024;

describe.each(callers().filter(({ kind }) => kind === "root"))("limits as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    write("{cpus: 0.5, memory: 64MiB, pids: 50}");
    expectCode(at.pavlos("apply", "--yes"), 0);
  });
  afterEach(() => at.end());

  const write = (resources: string) =>
    at.write("environments/api.yaml", `rootfs: ../root\ncommand: [sleep, '1000']\nresources: ${resources}\n`);

  it("are in force from the start", () => {
    expect(limit(at, "memory")).toBe(64 * mib);
    expect(limit(at, "pids")).toBe(50);
    expect(limit(at, "cpu")).toBe(0.5);
  });

  it("change live: the same process, another limit", () => {
    const { pid } = at.ps("api");
    write("{cpus: 1, memory: 128MiB, pids: 60}");
    const diff = expectCode(at.pavlos("diff"), 2).stdout;
    expect(diff).toMatch(/resources\.memory\s+64MiB -> 128MiB\s+environments\/api\.yaml:3:/);
    expect(diff).toContain("live");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.ps("api").pid).toBe(pid);
    expect([limit(at, "memory"), limit(at, "pids"), limit(at, "cpu")]).toEqual([128 * mib, 60, 1]);
    expectCode(at.pavlos("diff"), 0);
  });

  it("are seen when changed outside and repaired", () => {
    const file = limitFile(at, "pids");
    writeFileSync(file, "4096");
    const diff = expectCode(at.pavlos("diff"), 2).stdout;
    expect(diff).toMatch(/resources\.pids\s+live 4096, wanted 50/);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(limit(at, "pids")).toBe(50);
  });

  it("can be taken away", () => {
    const { pid } = at.ps("api");
    write("{memory: 64MiB}");
    expectCode(at.pavlos("apply", "--yes"), 0);
    expect(at.ps("api").pid).toBe(pid);
    expect(readFileSync(limitFile(at, "pids"), "utf8").trim()).toBe("max");
    expectCode(at.pavlos("diff"), 0);
  });

  it("above the machine's are refused before anything changes", () => {
    write("{memory: 900TiB}");
    const refused = expectCode(at.pavlos("apply", "--yes"), 1);
    expect(refused.stderr).toContain("environments/api.yaml:3:");
    expect(limit(at, "memory")).toBe(64 * mib);
  });

  it("hold a fork bomb", () => {
    const loop = "i=0; while [ $i -lt 80 ]; do sleep 5 & i=$((i+1)); done";
    const outcome = at.pavlos("exec", "api", "--", "sh", "-c", loop);
    expect(`${outcome.stdout}${outcome.stderr}`).toMatch(/fork/);
  });
});

/** The limit in force, read from the kernel: bytes, processes or processors. */
function limit(at: World, controller: "memory" | "pids" | "cpu"): number {
  const text = readFileSync(limitFile(at, controller), "utf8").trim();
  if (controller !== "cpu") return Number(text);
  const directory = cgroup(at, "cpu");
  if (directory.version === 2) {
    const [quota, period] = text.split(" ").map(Number);
    return (quota as number) / (period as number);
  }
  return Number(text) / Number(readFileSync(join(directory.path, "cpu.cfs_period_us"), "utf8"));
}

function limitFile(at: World, controller: "memory" | "pids" | "cpu"): string {
  const { path, version } = cgroup(at, controller);
  const names = {
    memory: ["memory.limit_in_bytes", "memory.max"],
    pids: ["pids.max", "pids.max"],
    cpu: ["cpu.cfs_quota_us", "cpu.max"],
  };
  return join(path, names[controller][version - 1] as string);
}

/** The cgroup of the environment's init for a controller, wherever it is mounted. */
function cgroup(at: World, controller: string): { readonly path: string; readonly version: 1 | 2 } {
  const lines = readFileSync(`/proc/${at.ps("api").pid}/cgroup`, "utf8")
    .trim()
    .split("\n");
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").trim().split("\n");
  for (const line of lines) {
    const [, names = "", path = ""] = line.split(":");
    if (names.split(",").includes(controller)) {
      const mount = mounts.find(
        (text) => / - cgroup /.test(text) && (text.split(" ").at(-1) ?? "").split(",").includes(controller),
      );
      return { path: join(mount?.split(" ")[4] ?? "", path), version: 1 };
    }
  }
  const mount = mounts.find((text) => / - cgroup2 /.test(text));
  return { path: join(mount?.split(" ")[4] ?? "", lines.at(-1)?.split(":")[2] ?? ""), version: 2 };
}
