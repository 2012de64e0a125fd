import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nativeFlock } from "../../src/state/flock.ts";
import { describeHolder, type Lock, makeLocker } from "../../src/state/lock.ts";

/** pavlosc's verb `lock`, by util-linux: the same kernel, the same contract. */
const standIn = `#!/bin/sh
[ "$1" = --root ] && shift 2
[ "$1" = lock ] || exit 125
[ "$2" = --wait ] && exec flock "$3"
exec flock -n "$2"
`;

describe("the project's lock", () => {
  let root: string;
  let path: string;
  let binary: string;
  let child: ChildProcess | undefined;
  const held: Lock[] = [];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "pavlos-lock-"));
    path = join(root, "project", "lock");
    binary = join(root, "pavlosc");
    writeFileSync(binary, standIn);
    chmodSync(binary, 0o755);
  });
  afterEach(() => {
    child?.kill("SIGKILL");
    for (const lock of held.splice(0)) lock.release();
    rmSync(root, { recursive: true });
  });

  const take = async (
    waiting: (holder: string) => void = () => undefined,
    signal = new AbortController().signal,
  ) => {
    const taken = await makeLocker(nativeFlock(binary))(path, { command: "pavlos apply", waiting, signal });
    if (taken.ok) held.push(taken.value);
    return taken;
  };

  it("makes its directory and names its holder by pid and start time", async () => {
    expect((await take()).ok).toBe(true);
    const holder = JSON.parse(readFileSync(path, "utf8"));
    const stat = readFileSync("/proc/self/stat", "utf8").split(") ")[1]?.split(" ");
    expect(holder).toMatchObject({
      pid: process.pid,
      startTime: Number(stat?.[19]),
      command: "pavlos apply",
    });
  });

  it("lets a second one wait and says for whom", async () => {
    const first = await take();
    const holders: string[] = [];
    const second = take((holder) => holders.push(holder));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(holders).toEqual([expect.stringContaining(`pid ${process.pid}, \`pavlos apply\``)]);
    if (first.ok) first.value.release();
    expect((await second).ok).toBe(true);
  });

  it("stops waiting when it is interrupted", async () => {
    await take();
    const ending = new AbortController();
    const second = take(() => ending.abort(), ending.signal);
    expect(await second).toMatchObject({ ok: false, failure: { code: "interrupted" } });
  });

  it("is free when its holder was killed", async () => {
    const script = `
      import { makeLocker } from "${import.meta.dirname}/../../src/state/lock.ts";
      import { nativeFlock } from "${import.meta.dirname}/../../src/state/flock.ts";
      await makeLocker(nativeFlock(${JSON.stringify(binary)}))(${JSON.stringify(path)},
        { command: "other", waiting() {}, signal: new AbortController().signal });
      console.log("held");
      setInterval(() => {}, 1000);
    `;
    child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await new Promise((resolve) => child?.stdout?.once("data", resolve));
    const holders: string[] = [];
    const mine = take((holder) => {
      holders.push(holder);
      child?.kill("SIGKILL");
    });
    expect((await mine).ok).toBe(true);
    expect(holders).toEqual([expect.stringContaining(`pid ${child.pid}, \`other\``)]);
  });

  it("stays held while a process that was given it still works", async () => {
    let descriptor: number | null = null;
    const locker = makeLocker(nativeFlock(binary), (held) => {
      descriptor = held;
    });
    const options = {
      command: "pavlos apply",
      waiting: () => undefined,
      signal: new AbortController().signal,
    };
    const first = await locker(path, options);
    child = spawn("sleep", ["100"], { stdio: ["ignore", "ignore", "ignore", descriptor] });
    if (first.ok) first.value.release();
    expect(descriptor).toBeNull();
    let free = false;
    const second = take(() => undefined).then(() => {
      free = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(free).toBe(false);
    child.kill("SIGKILL");
    await second;
  });

  it("is not fooled by a file that was removed while it waited", async () => {
    const first = await take();
    const second = take();
    await new Promise((resolve) => setTimeout(resolve, 100));
    rmSync(join(root, "project"), { recursive: true });
    if (first.ok) first.value.release();
    expect((await second).ok).toBe(true);
    expect(readFileSync(path, "utf8")).toContain("pavlos apply");
  });

  it("says what to do when pavlosc cannot be run", async () => {
    binary = join(root, "missing");
    expect(await take()).toMatchObject({
      ok: false,
      failure: { code: "native-missing", hint: expect.any(String) },
    });
  });

  it("shows nobody's name while the holder is signing", () => {
    expect(describeHolder("")).toBe("another pavlos");
    expect(describeHolder('{"pid": 1')).toBe("another pavlos");
  });
});
