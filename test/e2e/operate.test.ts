import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { callers } from "./support/callers.ts";
import { busyboxRoot } from "./support/roots.ts";
import { waitFor } from "./support/terminal.ts";
import { expectCode, type World, world } from "./support/world.ts";

const file = `# the api
rootfs: ../root
command: sleep 1000
resources:
  pids: 100   # enough
`;

describe.each(callers())("looking after environments as $kind", (caller) => {
  let at: World;
  beforeEach(() => {
    at = world(caller);
    busyboxRoot(at);
    at.write("environments/api.yaml", file.replace(/resources:\n.*\n/, ""));
    expectCode(at.pavlos("apply", "--yes"), 0);
  });
  afterEach(() => at.end());

  it("tells what they use, what happened to them, and how they hang together", () => {
    const { environments } = JSON.parse(expectCode(at.pavlos("top", "--json"), 0).stdout);
    expect(environments).toMatchObject([{ name: "api", status: "running" }]);
    expect(expectCode(at.pavlos("top"), 0).stdout).toMatch(/NAME +STATUS[\s\S]*api +running/);

    // What a supervisor would have written: they do it themselves where they are told to.
    const [id = ""] = readdirSync(join(at.home, "data/environments"));
    const events = join(at.home, "data/environments", id, "api/logs/events.jsonl");
    const line = (time: string, kind: string) =>
      `${JSON.stringify({ time, environment: "api", container: "x", kind })}\n`;
    writeFileSync(events, line("2020-01-01T00:00:00Z", "started") + line("2020-01-02T00:00:00Z", "oom"));
    expect(expectCode(at.pavlos("events"), 0).stdout).toMatch(/api {2}started[\s\S]*api {2}oom/);
    const since = JSON.parse(expectCode(at.pavlos("events", "--json", "--since", "2020-01-02"), 0).stdout);
    expect(
      since.events
        .filter(({ time }: { time: string }) => time < "2021")
        .map(({ kind }: { kind: string }) => kind),
    ).toEqual(["oom"]);
    const following = at.spawn("events", "-f", "--json");
    let told = "";
    following.stdout?.on("data", (chunk: Buffer) => {
      told += chunk.toString();
    });
    return (async () => {
      for (let tries = 0; tries < 300 && !told.includes('"oom"'); tries += 1) await sleep(50);
      writeFileSync(events, line("2020-01-03T00:00:00Z", "healthy"), { flag: "a" });
      for (let tries = 0; tries < 300 && !told.includes('"healthy"'); tries += 1) await sleep(50);
      const ended = new Promise((resolve) => following.once("exit", resolve));
      following.kill("SIGTERM");
      await ended;
      expect(told.match(/"healthy"/g)).toHaveLength(1);
      expect(expectCode(at.pavlos("graph"), 0).stdout).toContain('["api"]');
      expect(expectCode(at.pavlos("graph", "--format", "xml"), 1).stderr).toContain("mermaid, dot or json");
    })();
  });

  it("print a unit for the boot, and have none to disable", () => {
    const unit = expectCode(at.pavlos("enable", "--print", "--profile", "a"), 0).stdout;
    expect(unit).toContain(`"-C" "${at.project}" "--profile" "a" "apply"`);
    expect(unit).toContain(`Environment="PAVLOS_HOME=${at.home}"`);
    expect(expectCode(at.pavlos("disable"), 0).stdout).toContain("Nothing to disable");
  });

  it("come from a compose file", () => {
    at.write(
      "compose.yaml",
      "services:\n  clock:\n    command: sleep 1000\n    environment: {TZ: UTC}\n    colour: blue\n",
    );
    const said = expectCode(at.pavlos("import", "compose.yaml"), 0).stdout;
    expect(said).toMatch(/lost +services.clock.colour +- +compose.yaml:5:5/);
    expect(said).toContain("wrote environments/clock.yaml");
    expect(expectCode(at.pavlos("import", "compose.yaml"), 1).stderr).toContain("--force");
    expect(expectCode(at.pavlos("config", "clock"), 0).stdout).toContain("env.TZ");
  });
});

describe.each(callers().filter(({ kind }) => kind === "root"))("drift as $kind", (caller) => {
  it("is written back into the file, whose comments and order stay", () => {
    const at = world(caller);
    busyboxRoot(at);
    const path = at.write("environments/api.yaml", file);
    expectCode(at.pavlos("apply", "--yes"), 0);
    const before = statSync(path).mode;
    const limits = cgroupFile(at, "pids.max");
    writeFileSync(limits, "77");
    waitFor(() => at.pavlos("diff").stdout, /live 77, wanted 100/);
    expect(expectCode(at.pavlos("adopt", "api"), 0).stdout).toContain(
      "resources.pids is 77 now in the file as well",
    );
    expect(readFileSync(path, "utf8")).toBe(file.replace("pids: 100", "pids: 77"));
    expect(statSync(path).mode).toBe(before);
    expectCode(at.pavlos("apply", "--yes"), 0);
    expectCode(at.pavlos("diff"), 0);
    expect(expectCode(at.pavlos("adopt", "api"), 0).stdout).toContain("Nothing to adopt");
    at.end();
  });
});

/** The file of a limit of the environment api, in either version. */
function cgroupFile(at: World, name: string): string {
  const { pid } = at.ps("api");
  const lines = readFileSync(`/proc/${pid}/cgroup`, "utf8").split("\n");
  const of = (controllers: RegExp): string | undefined =>
    lines.find((line) => controllers.test(line))?.split(":")[2];
  const v1 = of(/^\d+:[^:]*\bpids\b/);
  const candidates = [`/sys/fs/cgroup/pids${v1}/${name}`, `/sys/fs/cgroup${of(/^0::/)}/${name}`];
  const found = candidates.find((path) => statSync(path, { throwIfNoEntry: false }) !== undefined);
  if (found === undefined) throw new Error(`no ${name}: ${lines.join(" ")}`);
  return found;
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
