import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse as parseYaml } from "yaml";
import { realFiles } from "../../src/host/real-files.ts";
import { type LockNode, parseLock, printLock } from "../../src/state/lock-file/format.ts";
import { openLockFile } from "../../src/state/lock-file/lock-file.ts";
import { fuzz, fuzzTimeout, mutated } from "../support/fuzz.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "pavlos-test-"));
});
afterEach(() => rmSync(root, { recursive: true }));

/** Without empty maps, as plain objects. */
function pruned(node: LockNode): unknown {
  if (typeof node === "string") return node;
  const kept = Object.keys(node).map((key): [string, unknown] => [key, pruned(node[key] ?? {})]);
  return kept.filter(([, value]) => value !== null).length === 0
    ? null
    : Object.fromEntries(kept.filter(([, value]) => value !== null));
}

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

  it("is the same to us and to a YAML parser, whatever is in it", { timeout: fuzzTimeout }, async () => {
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
    await fuzz(
      "contents of lock files",
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
      300,
    );
  });

  it("is read or a problem with a line, whatever was done to it", { timeout: fuzzTimeout }, async () => {
    const seed = printLock({
      archives: { "https://example.com/a.tar": "0123" },
      images: { "docker.io/library/debian:12": { "linux/amd64": digest("a"), "linux/arm64": digest("b") } },
    });
    const words = ["\n", "  ", ":", ": ", '"', "\\u", "#", "<<<<<<< a\n", "__proto__: x\n", "\t", "\r", "\0"];
    await fuzz(
      "lock files",
      fc.property(mutated([seed, "version: 1\n", ""], words), (written) => {
        const parsed = parseLock(written, "x");
        const lines = written.split("\n").length;
        if (!parsed.ok) {
          expect(parsed.failure.place?.line).toBeLessThanOrEqual(lines);
          return;
        }
        // What is read is written as the same. Without what says nothing: an empty map has no line.
        const again = parseLock(printLock(parsed.value.content), "x");
        expect(again.ok && pruned(again.value.content)).toEqual(pruned(parsed.value.content));
        for (const line of parsed.value.lines.values()) expect(line).toBeLessThanOrEqual(lines);
      }),
      2000,
    );
  });
});
