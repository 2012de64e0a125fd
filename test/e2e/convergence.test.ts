import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { projects } from "./support/leftovers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { waitFor } from "./support/terminal.ts";
import { when } from "./support/when.ts";
import { expectCode, type World, world } from "./support/world.ts";

interface FoundChange {
  readonly environment: string;
  readonly action: string;
  readonly reason: string | null;
  readonly drift: boolean;
  readonly fields: readonly { path: string; live?: unknown; to: unknown; reason: string | null }[];
}

describe.each(callers())("convergence as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
  });
  afterEach(() => at.end());

  const write = (name: string, text: string) =>
    at.write(`environments/${name}.yaml`, `rootfs: ../root\n${text}`);
  const apply = (...args: string[]) => at.pavlos("apply", "--yes", ...args);
  const changes = (): readonly FoundChange[] =>
    (JSON.parse(at.pavlos("diff", "--json").stdout) as { changes: FoundChange[] }).changes;
  const logs = (name: string) => at.pavlos("logs", name).stdout;
  const events = (name: string): string[] => {
    const file = join(
      at.home,
      "data/environments",
      projects(at.directory)[0] ?? "",
      name,
      "logs/events.jsonl",
    );
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").trim().split("\n");
    return lines.map((line) => (JSON.parse(line) as { kind: string }).kind);
  };

  it("starts what others wait for first, and tells health", () => {
    write(
      "db",
      "command: 'sleep 0.5; touch /up; sleep 1000'\nhealth: {command: test -e /up, startPeriod: 1m}\n",
    );
    write("job", "command: 'sleep 0.3; echo migrated'\ndependsOn: {db: healthy}\n");
    write("web", "command: 'echo began; sleep 1000'\ndependsOn: {db: healthy, job: completed}\n");
    expectCode(apply(), 0);
    const started = (name: string) => at.pavlos("ps", "--json").stdout.includes(`"name": "${name}"`);
    expect(started("web")).toBe(true);
    const ps = JSON.parse(at.pavlos("ps", "--json").stdout) as {
      name: string;
      health: string;
      startedAt: string;
    }[];
    const of = (name: string) => ps.find((entry) => entry.name === name);
    expect(of("db")?.health).toBe("healthy");
    expect(Date.parse(of("job")?.startedAt ?? "")).toBeGreaterThan(Date.parse(of("db")?.startedAt ?? ""));
    expect(Date.parse(of("web")?.startedAt ?? "")).toBeGreaterThan(Date.parse(of("job")?.startedAt ?? ""));
    expectCode(at.pavlos("diff"), 0);
    // Live: another check in the same process, told in ps and in the event log.
    const { pid } = at.ps("db");
    write(
      "db",
      "command: 'sleep 0.5; touch /up; sleep 1000'\nhealth: {command: test -e /no, interval: 100ms, retries: 1, startPeriod: 0s}\n",
    );
    expect(changes()).toMatchObject([{ environment: "db", action: "live" }]);
    expectCode(apply(), 0);
    waitFor(() => at.ps("db").status, /unhealthy/);
    expect(at.ps("db").pid).toBe(pid);
    expect(events("db")).toEqual(["started", "healthy", "unhealthy"]);
    write("web", "command: 'echo again; sleep 1000'\ndependsOn: {db: healthy, job: completed}\n");
    const refused = expectCode(apply(), 1).stderr;
    expect(refused).toMatch(/`db`, on which it depends, is not healthy[\s\S]*left as it was/);
    expect(logs("web")).toBe("began\n");
  });

  it("starts again what fails, and gives up", () => {
    write("api", "command: 'echo run; exit 3'\nrestart: {policy: on-failure, max: 2, backoff: 10ms}\n");
    expectCode(apply(), 0);
    waitFor(() => at.pavlos("ps").stdout, /failed \(3, gave up, 2 restarts\)/);
    expect(logs("api")).toBe("run\nrun\nrun\n");
    expect(changes()).toMatchObject([
      { action: "restart", reason: "exited with code 3, also after 2 restarts" },
    ]);
    write("api", "command: sleep 1000\nrestart: always\n");
    expectCode(apply(), 0);
    const { pid } = at.ps("api");
    process.kill(pid ?? 0, "SIGKILL");
    waitFor(() => String(at.ps("api").status === "running" && at.ps("api").pid !== pid), /true/);
    waitFor(() => events("api").slice(-2).join(), /^exited,restarted$/);
    expectCode(at.pavlos("diff"), 0);
  });

  // Once in some dozen runs beside other work it saw another end than the expected one: not understood yet.
  it("brings the old one back with its data when the new one crashes, does not start or is sick", () => {
    const good = "command: sleep 1000\n";
    write("api", good);
    expectCode(apply(), 0);
    expectCode(at.pavlos("exec", "api", "--", "sh", "-c", "echo mine > /data"), 0);
    busyboxRoot(at, "other");
    const sick = "health: {command: 'echo I am sick; false', startPeriod: 300ms}\n";
    for (const [bad, said] of [
      ["command: 'echo broken; exit 7'\n", /ended with code 7\n\s+broken/],
      ["command: [/no/such/program]\n", /\/no\/such\/program/],
      [`${good}hostname: new\nworkdir: /tmp\n${sick}`, /is not healthy: I am sick/],
      [`${good}rootfs: ../other\n${sick}`, /is not healthy: I am sick/],
    ] as const) {
      at.write("environments/api.yaml", bad.includes("rootfs") ? bad : `rootfs: ../root\n${bad}`);
      const failed = expectCode(apply(), 1).stderr;
      expect(failed).toMatch(said);
      expect(failed).toContain("it runs again as it was before; its files are intact");
      expect(at.ps("api").status).toBe("running");
      expect(at.pavlos("exec", "api", "--", "cat", "/data").stdout).toBe("mine\n");
    }
    expectCode(apply("--no-rollback"), 1);
    expect(at.ps("api").status).toBe("unhealthy");
    expectCode(at.pavlos("exec", "api", "--", "test", "!", "-e", "/data"), 0);
    expectCode(at.pavlos("diff"), 0);
  });

  it("says beforehand what holds a mount, and restarts", () => {
    write("api", "command: 'cd /vol; sleep 1000'\nmounts: ['vol:/vol']\n");
    expectCode(apply(), 0);
    write("api", "command: 'cd /vol; sleep 1000'\nmounts: ['other:/vol']\n");
    const [planned] = changes();
    expect(planned?.action).toBe("restart");
    expect(planned?.fields.map(({ reason }) => reason).join()).toMatch(
      /forces restart: \/vol: it is in use by (busybox|sh|sleep) \(\d+\)/,
    );
    expectCode(apply(), 0);
    expectCode(at.pavlos("diff"), 0);
  });

  when(caller.kind === "root")("sees limits that were changed, and a kill for want of memory", () => {
    write("api", "command: 'tail /dev/zero; exit 1'\nresources: {memory: 16MiB, swap: 0}\n");
    expectCode(apply(), 0);
    waitFor(() => at.pavlos("ps").stdout, /out of memory/);
    expect(events("api")).toEqual(["started", "oom", "exited"]);
    expect(changes()).toMatchObject([{ action: "restart", reason: "ran out of memory" }]);
  });
});
