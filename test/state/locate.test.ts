import { describe, expect, it } from "vitest";
import { locateState, prepareState } from "../../src/state/locate.ts";
import { memoryFiles } from "../host/support/memory-files.ts";

const me = process.getuid?.() ?? 0;
const user = (env: Record<string, string>) => ({ uid: 1000, gid: 1000, env });

function filesWith(directories: Record<string, { uid: number; mode: number }>) {
  const files = memoryFiles();
  for (const [path, owner] of Object.entries(directories)) {
    files.makeDirectory(path, owner.mode);
    files.directories.set(path, owner);
  }
  return files;
}
const own = { uid: 1000, mode: 0o700 };
const located = (files: ReturnType<typeof filesWith>, env: Record<string, string>) =>
  locateState(files, user(env), "/home/me");

describe("where the state lies", () => {
  it("is under /var/lib and /run for root", () => {
    expect(locateState(memoryFiles(), { uid: 0, gid: 0, env: {} }, "/root")).toMatchObject({
      value: { data: "/var/lib/pavlos", run: "/run/pavlos" },
    });
  });

  it("is under the XDG directories for a user", () => {
    const files = filesWith({ "/run/mine": own });
    const env = { XDG_DATA_HOME: "/data/mine", XDG_RUNTIME_DIR: "/run/mine" };
    expect(located(files, env)).toMatchObject({
      value: { data: "/data/mine/pavlos", run: "/run/mine/pavlos" },
    });
    expect(located(files, { XDG_RUNTIME_DIR: "/run/mine" })).toMatchObject({
      value: { data: "/home/me/.local/share/pavlos" },
    });
  });

  it("is where PAVLOS_HOME says, for everybody", () => {
    const value = { data: "/t/data", run: "/t/run" };
    expect(located(memoryFiles(), { PAVLOS_HOME: "/t" })).toMatchObject({ value });
    expect(locateState(memoryFiles(), { uid: 0, gid: 0, env: { PAVLOS_HOME: "/t" } }, "/")).toMatchObject({
      value,
    });
  });

  it("is the same for cron, which sets no XDG_RUNTIME_DIR, and for su, which leaves another's", () => {
    const files = filesWith({ "/run/user/1000": own, "/run/user/0": { uid: 0, mode: 0o700 } });
    const value = { run: "/run/user/1000/pavlos" };
    expect(located(files, {})).toMatchObject({ value });
    expect(located(files, { XDG_RUNTIME_DIR: "/run/user/0" })).toMatchObject({ value });
  });

  it("falls back to a private directory under /tmp", () => {
    expect(located(filesWith({ "/tmp/pavlos-1000": own }), {})).toMatchObject({
      value: { run: "/tmp/pavlos-1000" },
    });
  });

  it.each([
    ["another's", { uid: 1001, mode: 0o700 }],
    ["open to others", { uid: 1000, mode: 0o755 }],
  ])("is refused when that is %s", (_what, owner) => {
    expect(located(filesWith({ "/tmp/pavlos-1000": owner }), {})).toMatchObject({
      ok: false,
      failure: { code: "runtime-directory-unsafe", hint: expect.any(String) },
    });
  });

  it("is refused when a variable is relative", () => {
    expect(located(memoryFiles(), { PAVLOS_HOME: "here" })).toMatchObject({
      failure: { code: "state-path-relative" },
    });
  });

  it("is closed to others once it is made", () => {
    const files = memoryFiles();
    prepareState(files, user({}), { data: "/d", run: "/r" });
    expect(files.directories.get("/d")).toEqual({ uid: me, mode: 0o700 });
    expect(files.directories.get("/r")).toEqual({ uid: me, mode: 0o700 });
  });
});
