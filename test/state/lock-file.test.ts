import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { realFiles } from "../../src/host/real-files.ts";
import { type LockNode, parseLock, printLock } from "../../src/state/lock-file/format.ts";
import { openLockFile } from "../../src/state/lock-file/lock-file.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pavlos-test-"));
});
afterEach(() => rmSync(root, { recursive: true }));

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const text = (): string => readFileSync(join(root, "pavlos.lock"), "utf8");

describe("pavlos.lock", () => {
  it("is sorted YAML with one thing a line", () => {
    const lock = openLockFile(realFiles, root);
    lock.set(["images", "docker.io/library/debian:12", "linux/arm64"], digest("b"));
    lock.set(["images", "docker.io/library/debian:12", "linux/amd64"], digest("a"));
    lock.set(["archives", "https://example.com/a.tar"], "0123");
    expect(lock.save()).toEqual({ ok: true, value: undefined });
    expect(text()).toBe(`# What names stand for, written by Pavlos. Commit it; \`pavlos update\` moves it.
version: 1
archives:
  https://example.com/a.tar: "0123"
images:
  docker.io/library/debian:12:
    linux/amd64: ${digest("a")}
    linux/arm64: ${digest("b")}
`);
  });

  it("says where something is pinned", () => {
    writeFileSync(join(root, "pavlos.lock"), "version: 1\nimages:\n  x:\n    linux/amd64: sha256:a\n");
    const lock = openLockFile(realFiles, root);
    expect(lock.get(["images", "x", "linux/amd64"])).toBe("sha256:a");
    expect(lock.place(["images", "x", "linux/amd64"])).toEqual({ file: lock.file, line: 4, column: 5 });
    expect(lock.place(["images", "y"])).toBeNull();
  });

  it("keeps what another command wrote meanwhile", () => {
    const [one, two] = [openLockFile(realFiles, root), openLockFile(realFiles, root)];
    one.set(["images", "a", "p"], "1");
    two.set(["images", "b", "p"], "2");
    one.save();
    two.save();
    const { content } = (parseLock(text(), "") as { value: { content: object } }).value;
    expect(JSON.parse(JSON.stringify(content))).toEqual({ images: { a: { p: "1" }, b: { p: "2" } } });
  });

  it("tells what changed, and drops what is removed", () => {
    writeFileSync(join(root, "pavlos.lock"), "version: 1\nimages:\n  x:\n    p: a\n");
    const lock = openLockFile(realFiles, root);
    lock.set(["images", "x", "p"], "a");
    expect(lock.changes()).toEqual([]);
    lock.set(["images", "x", "p"], null);
    expect(lock.changes()).toEqual([{ path: ["images", "x", "p"], from: "a", to: null }]);
    lock.save();
    expect(text()).toMatch(/^#.*\nversion: 1\n$/);
  });

  it("that is frozen refuses to change", () => {
    const lock = openLockFile(realFiles, root);
    lock.freeze();
    expect(lock.save().ok).toBe(true);
    lock.set(["images", "x", "p"], "b");
    expect(lock.save()).toMatchObject({ failure: { code: "lock-mismatch" } });
  });

  it.each([
    ["version: 1\n<<<<<<< ours\n", 2, "two branches changed it"],
    ["version: 1\nimages\n", 2, "no `key: value`"],
    ["version: 1\n   a: b\n", 2, "indented wrongly"],
    ["version: 1\na: b\na: c\n", 3, "twice"],
    ['version: 1\n"a: b\n', 2, "no `key: value`"],
    ["version: 2\n", 1, "version 2"],
    ["images:\n", 1, "says no version"],
  ])("that reads %j is a problem at line %d", (written, line, why) => {
    writeFileSync(join(root, "pavlos.lock"), written);
    const lock = openLockFile(realFiles, root);
    expect(lock.problem()?.message).toContain(why);
    expect(lock.problem()?.place).toMatchObject({ line });
    lock.set(["a", "b"], "c");
    expect(lock.save().ok).toBe(false);
    expect(text()).toBe(written);
  });

  it("is the same to us and to a YAML parser, whatever is in it", () => {
    const key = fc.oneof(
      fc.string({ minLength: 1, maxLength: 12 }),
      fc.constantFrom("docker.io/a:1", "true", "1", "a: b", "#", "-", "null", "é", "~", "x:", "0x1", "1e3"),
    );
    const tree = fc.letrec<{ node: LockNode; map: Record<string, LockNode> }>((tie) => ({
      node: fc.oneof({ maxDepth: 3 }, fc.oneof(key, fc.constant("")), tie("map")),
      map: fc.dictionary(key, tie("node"), { minKeys: 1, maxKeys: 4 }),
    })).map;
    const section = fc.dictionary(
      key.filter((name) => name !== "version"),
      tree,
      { maxKeys: 3 },
    );
    fc.assert(
      fc.property(section, (content) => {
        const printed = printLock(content);
        const parsed = parseLock(printed, "x");
        expect(parsed.ok && JSON.parse(JSON.stringify(parsed.value.content))).toEqual(
          JSON.parse(JSON.stringify(content)),
        );
        expect({ ...parseYaml(printed, { version: "1.2" }) }).toEqual({
          version: 1,
          ...JSON.parse(JSON.stringify(content)),
        });
      }),
      { numRuns: process.env.PAVLOS_LONG === "1" ? 20_000 : 300 },
    );
  });
});
