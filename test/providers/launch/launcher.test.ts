import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realFiles } from "../../../src/host/real-files.ts";
import type { Environment } from "../../../src/model/environment.ts";
import { makeForeground } from "../../../src/providers/launch/bundle.ts";
import { makeLauncher } from "../../../src/providers/launch/launcher.ts";
import type { Tools } from "../../../src/providers/tools.ts";
import { environment, project } from "../../reconcile/support/environments.ts";
import { context, fakeNative, freeFlock, host, noLocks } from "../support.ts";

let data = "";
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "pavlos-launch-"));
});
afterEach(() => rmSync(data, { recursive: true }));

type Answer = Parameters<typeof fakeNative>[0];

function launcher(answer: Answer, env: Tools["env"] = {}) {
  const { native, calls } = fakeNative(answer);
  const tools = {
    host: host(),
    paths: { data, run: join(data, "run") },
    files: realFiles,
    native,
    flock: freeFlock,
    lockFile: noLocks,
    env,
  };
  return { launcher: makeLauncher(tools), calls, tools };
}

const request = (name: string, changes: Partial<Environment> = {}) => ({
  environment: environment(name, changes),
  contributions: [],
});
const id = (name: string) => `${project.id}-${name}`;
const lines = (...items: object[]) => items.map((item) => `${JSON.stringify(item)}\n`).join("");
const secret = { secrets: { TOKEN: { kind: "env", variable: "SOURCE" } } } as const;

describe("create", () => {
  it("makes all containers in one call and answers each", async () => {
    const stdout = lines(
      { id: id("a"), pid: 11 },
      { id: id("b"), error: { step: "mount", subject: "/x", reason: "no such file", hint: "make it" } },
    );
    const { launcher: made, calls } = launcher(() => ({ stdout }));
    const results = await made.create([request("a"), request("b"), request("c")], context);
    expect(calls).toHaveLength(1);
    expect(results.get("a")).toMatchObject({ ok: true, value: { containerId: id("a"), pid: 11 } });
    expect(results.get("b")).toMatchObject({
      failure: { message: "b cannot be created: mount /x: no such file", hint: "make it" },
    });
    expect(results.get("c")).toMatchObject({ ok: false });
  });

  it("hands secrets over beside the bundle, never in a file, and keeps keyed hashes of them", async () => {
    const { launcher: made, calls } = launcher(() => ({ stdout: lines({ id: id("a"), pid: 1 }) }), {
      SOURCE: "hunter2",
    });
    const results = await made.create([request("a", secret)], context);
    expect(JSON.parse(calls[0]?.input ?? "")).toMatchObject([{ id: id("a"), env: { TOKEN: "hunter2" } }]);
    const bundle = join(data, "environments", project.id, "a/bundle/config.json");
    expect(readFileSync(bundle, "utf8")).not.toContain("hunter2");
    const hashes = await made.secretHashes([environment("a", secret)], context);
    expect(results.get("a")).toMatchObject({ value: { secretHashes: hashes.get("a") } });
    expect(hashes.get("a")?.TOKEN).toMatch(/^[0-9a-f]{64}$/);
  });

  it("does not call pavlosc for an environment whose secret cannot be read", async () => {
    const { launcher: made, calls } = launcher(() => ({}));
    const results = await made.create([request("a", secret)], context);
    expect(results.get("a")).toMatchObject({ failure: { code: "secret-missing" } });
    expect(calls).toEqual([]);
  });

  it("blames pavlosc's own words when it died without an answer", async () => {
    const { launcher: made } = launcher(() => ({ code: 125, stderr: "pavlosc: killed" }));
    const results = await made.create([request("a")], context);
    expect(JSON.stringify(results.get("a"))).toContain("pavlosc: killed");
  });
});

describe("start and stop", () => {
  it("are one call for all, with an answer for each", async () => {
    const stdout = lines(
      { id: id("a") },
      { id: id("b"), error: { step: "start", subject: "", reason: "gone" } },
    );
    const { launcher: made, calls } = launcher(() => ({ code: 1, stdout }));
    const started = await made.start([id("a"), id("b")], context);
    expect(started.get(id("a"))).toEqual({ ok: true, value: undefined });
    expect(started.get(id("b"))).toMatchObject({ ok: false });
    await made.stop([id("a")], context);
    expect(calls.map(({ args }) => args[0])).toEqual(["start", "stop"]);
    expect((await made.stop([], context)).size).toBe(0);
    expect(calls).toHaveLength(2);
  });
});

describe("a hook", () => {
  it("that fails shows its last lines and its code", async () => {
    const stdout = Array.from({ length: 9 }, (_, index) => `line ${index}\n`).join("");
    const { launcher: made } = launcher(() => ({ code: 3, stdout, stderr: "it broke\n" }));
    const done = await made.hook(environment("a"), id("a"), ["make", "setup"], context);
    if (done.ok) throw new Error("it should fail");
    expect(done.failure.message).toContain("code 3: make setup");
    expect(done.failure.message).toContain("it broke");
    expect(done.failure.message).not.toContain("line 3");
  });
});

describe("the state of containers", () => {
  it("comes from state.json, /proc and status.json, and from nothing else", async () => {
    const { launcher: made, calls } = launcher(() => ({}));
    const stat = readFileSync("/proc/self/stat", "utf8");
    const startTime = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    const state = (name: string, more: object) => {
      realFiles.makeDirectory(join(data, "run/containers", id(name)), 0o755);
      const text = { id: id(name), pid: process.pid, startTime, created: "2026-01-01T00:00:00Z", ...more };
      realFiles.replace(join(data, "run/containers", id(name), "state.json"), JSON.stringify(text));
    };
    const status = (name: string, more: object) => {
      const bundle = join(data, "environments", project.id, name, "bundle");
      realFiles.makeDirectory(bundle, 0o755);
      realFiles.replace(
        join(bundle, "status.json"),
        JSON.stringify({ version: 1, signal: null, requested: false, ...more }),
      );
    };
    state("runs", { started: true });
    state("waits", { started: false });
    state("reused", { started: true, startTime: startTime - 1 });
    // Its init has ended, and its supervisor has not written that down yet.
    state("ends", { started: true, startTime: startTime - 1, supervisor: { pid: process.pid, startTime } });
    status("done", { exitCode: 0 });
    status("broke", { exitCode: 3 });
    status("shot", { exitCode: 137, signal: 9 });
    status("asked", { exitCode: 143, signal: 15, requested: true });
    const names = ["runs", "waits", "reused", "ends", "done", "broke", "shot", "asked", "never"];
    const records = names.map(
      (name) =>
        ({ name, containerId: id(name), spec: environment("it") }) as Parameters<typeof made.processes>[0][0],
    );
    const seen = await made.processes(records, context);
    const short = names.map((name) => [
      name,
      seen.get(name)?.status,
      seen.get(name)?.exitCode,
      seen.get(name)?.killed,
    ]);
    expect(short).toEqual([
      ["runs", "running", null, false],
      ["waits", "starting", null, false],
      ["reused", "failed", null, true],
      ["ends", "running", null, false],
      ["done", "stopped", 0, false],
      ["broke", "failed", 3, false],
      ["shot", "failed", 137, true],
      ["asked", "stopped", 143, false],
      ["never", "missing", null, false],
    ]);
    expect(names.filter((name) => seen.get(name)?.ending)).toEqual(["ends"]);
    expect(calls).toEqual([]);
  });
});

describe("a bundle for the foreground", () => {
  it("has the terminal that was asked for and no supervisor", async () => {
    const { tools } = launcher(() => ({}));
    const directory = join(data, "foreground");
    const made = await makeForeground(tools).bundle(
      { ...request("a", { command: ["sh"] }), containerId: "run-a", directory, terminal: true },
      context,
    );
    expect(made).toMatchObject({ ok: true });
    const config = JSON.parse(readFileSync(join(directory, "config.json"), "utf8"));
    expect(config.process).toMatchObject({ terminal: true, args: ["sh"] });
    expect(realFiles.status(join(directory, "supervise.json"))).toBeNull();
  });
});
