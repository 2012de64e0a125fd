import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realFiles } from "../../src/host/real-files.ts";
import type { InstanceRecord } from "../../src/model/instance.ts";
import { success } from "../../src/model/result.ts";
import { type Flock, makeLocker } from "../../src/state/lock.ts";
import { environmentPaths } from "../../src/state/paths.ts";
import { openProjectState, type ProjectState } from "../../src/state/project.ts";
import { environment, project } from "../reconcile/support/environments.ts";

describe("the state directory of a project", () => {
  let root: string;
  let state: ProjectState;
  const paths = () => ({ data: join(root, "data"), run: join(root, "run") });
  const at = (name: string) => environmentPaths(paths(), project.id, name);

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "pavlos-state-"));
    const locker = async () => success({ release: () => undefined });
    state = openProjectState(project, { files: realFiles, locker, paths: paths(), now: () => new Date(0) });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const record = (name: string): InstanceRecord => ({
    version: 1,
    name,
    spec: environment(name),
    containerId: `${project.id}-${name}`,
    createdAt: "2026-11-23T10:00:00Z",
    stopped: false,
    hooked: true,
    secretHashes: {},
    pending: null,
    provider: {},
  });

  it("leaves no trace by being looked at", () => {
    expect(state.readRecords()).toEqual({ records: [], leftovers: [] });
    expect(existsSync(join(root, "data"))).toBe(false);
  });

  it("gives back the records that were written, sorted by name", async () => {
    await state.writeRecord(record("web"), "durable");
    await state.writeRecord(record("db"), "quick");
    expect(state.readRecords()).toEqual({ records: [record("db"), record("web")], leftovers: [] });
    expect(readdirSync(at("web").directory)).toEqual(["record.json"]);
  });

  it("has room for an environment called lock, also while it is locked", async () => {
    const flock: Flock = { try: () => success(true), wait: async () => success(true) };
    const locker = makeLocker(flock);
    state = openProjectState(project, { files: realFiles, locker, paths: paths(), now: () => new Date(0) });
    const signal = new AbortController().signal;
    const lock = await state.lock({ command: "pavlos apply", waiting: () => undefined, signal });
    expect(await state.writeRecord(record("lock"), "durable")).toEqual(success(undefined));
    expect(state.readRecords()).toEqual({ records: [record("lock")], leftovers: [] });
    if (lock.ok) lock.value.release();
  });

  it("says who the project is once it is locked", async () => {
    const signal = new AbortController().signal;
    await state.lock({ command: "pavlos apply", waiting: () => undefined, signal });
    const file = join(paths().data, "environments", project.id, "project.json");
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual({
      version: 1,
      name: project.name,
      root: project.root,
    });
  });

  it.each([
    [
      "nothing was written in its layers",
      () => mkdirSync(join(at("web").upper, "root"), { recursive: true }),
      true,
    ],
    ["something was", () => mkdirSync(join(at("web").upper, "root", "home"), { recursive: true }), false],
  ])("has a leftover without a record; apply may clear it: %s", (_what, prepare, removable) => {
    prepare();
    expect(state.readRecords().leftovers).toEqual([
      { name: "web", reason: "its record is missing", removable, containerId: null },
    ]);
  });

  it("never clears away a record of another version", async () => {
    await state.writeRecord(record("web"), "durable");
    writeFileSync(
      at("web").record,
      readFileSync(at("web").record, "utf8").replace('"version":1', '"version":2'),
    );
    expect(state.readRecords().leftovers).toMatchObject([{ name: "web", removable: false }]);
  });

  it("removes an environment without following links out of it", async () => {
    await state.writeRecord(record("web"), "durable");
    const precious = join(root, "precious");
    writeFileSync(precious, "mine");
    symlinkSync(root, join(at("web").directory, "link"));
    await state.removeEnvironment("web");
    expect(existsSync(at("web").directory)).toBe(false);
    expect(readFileSync(precious, "utf8")).toBe("mine");
    expect((await state.removeEnvironment("web")).ok).toBe(true);
  });

  it("goes when no environment is left, and only then", async () => {
    await state.writeRecord(record("web"), "durable");
    await state.removeIfEmpty();
    expect(existsSync(at("web").record)).toBe(true);
    await state.removeEnvironment("web");
    await state.removeIfEmpty();
    expect(existsSync(join(paths().data, "environments", project.id))).toBe(false);
  });

  it("says what is wrong when it cannot be written", async () => {
    writeFileSync(join(root, "data"), "a file");
    expect(await state.writeRecord(record("web"), "durable")).toMatchObject({
      ok: false,
      failure: { code: "state-not-writable", hint: expect.any(String) },
    });
  });
});
