import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realFiles } from "../../../../src/host/real-files.ts";
import type { CopyStep } from "../../../../src/model/build.ts";
import { targetOf } from "../../../../src/providers/rootfs/build/commands.ts";
import { contentsOf } from "../../../../src/providers/rootfs/build/contents.ts";
import { madeMountPoints } from "../../../../src/providers/rootfs/build/mounts.ts";
import { fakeNative, freeFlock, host, noLocks } from "../../support.ts";

let scratch: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), "pavlos-contents-"));
});
afterEach(() => rmSync(scratch, { recursive: true, force: true }));

const tools = () => ({
  host: host(),
  paths: { data: join(scratch, "data"), run: join(scratch, "run") },
  files: realFiles,
  native: fakeNative(() => ({})).native,
  flock: freeFlock,
  lockFile: noLocks,
  env: {},
});
const step = (changes: Partial<CopyStep> = {}): CopyStep => ({
  kind: "copy",
  from: join(scratch, "source"),
  to: "/app",
  mode: null,
  owner: null,
  ignore: [],
  ...changes,
});
const digest = (changes?: Partial<CopyStep>) => contentsOf(tools(), step(changes)).digest;

function source(directory = "source"): string {
  const root = join(scratch, directory);
  mkdirSync(join(root, "sub"), { recursive: true });
  writeFileSync(join(root, "one"), "1");
  writeFileSync(join(root, "sub/two"), "2");
  symlinkSync("one", join(root, "link"));
  return root;
}

describe("what a copy step copies", () => {
  it("is named by names, data and modes; times do not count", () => {
    const root = source();
    const before = digest();
    utimesSync(join(root, "one"), 1, 1);
    expect(digest()).toBe(before);
    expect(digest({ from: source("elsewhere") })).toBe(before);
    writeFileSync(join(root, "one"), "other");
    const changed = digest();
    expect(changed).not.toBe(before);
    chmodSync(join(root, "one"), 0o755);
    expect(digest()).not.toBe(changed);
    const withMode = digest({ mode: 0o644 });
    chmodSync(join(root, "one"), 0o600);
    expect(digest({ mode: 0o644 })).toBe(withMode);
  });

  it("is read again when a file changed, also with its size and time kept", () => {
    const root = source();
    const file = join(root, "one");
    utimesSync(file, 1, 1);
    const before = digest();
    digest();
    writeFileSync(file, "7");
    utimesSync(file, 1, 1);
    expect(digest()).not.toBe(before);
  });

  it("leaves out what .dockerignore and the step name, parents first", () => {
    const root = source();
    writeFileSync(join(root, ".dockerignore"), "one\n");
    expect(contentsOf(tools(), step({ ignore: ["link"] })).paths).toEqual([
      "",
      ".dockerignore",
      "sub",
      "sub/two",
    ]);
  });

  it("may be a single file", () => {
    const from = join(source(), "one");
    expect(contentsOf(tools(), step({ from })).paths).toEqual([""]);
  });
});

describe("where a copy goes", () => {
  const state = { env: {}, workdir: "/srv", user: null };
  it.each([
    ["/app", "file", "/app"],
    ["/app/", "file", "/app/source"],
    ["app", "file", "/srv/app"],
    [".", "file", "/srv/source"],
    ["/app/", "directory", "/app"],
    ["./", "directory", "/srv"],
    ["/", "directory", "/"],
  ] as const)("to %s of a %s: %s", (to, kind, expected) => {
    expect(targetOf(step({ to }), state, kind)).toBe(expected);
  });
});

describe("mount points in a layer", () => {
  it("that were only made for the step go, deepest first; what is below or not empty stays", () => {
    const [upper, lower] = [join(scratch, "upper"), join(scratch, "lower")];
    for (const path of ["run/secrets", "etc", "proc", "cache/kept"])
      mkdirSync(join(upper, path), { recursive: true });
    mkdirSync(join(lower, "proc"), { recursive: true });
    writeFileSync(join(upper, "etc/hosts"), "");
    writeFileSync(join(upper, "etc/resolv.conf"), "written by the step");
    const destinations = [
      "/",
      "/proc",
      "/run/secrets",
      "/etc/hosts",
      "/etc/resolv.conf",
      "/cache",
      "/missing",
    ];
    const found = madeMountPoints(upper, [lower], destinations).map((path) => path.slice(upper.length));
    expect(found).toEqual(["/run/secrets", "/etc/hosts", "/run"]);
  });
});
