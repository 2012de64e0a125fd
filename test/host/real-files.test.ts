import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { errnoOf, isMissing, reasonOf } from "../../src/host/errno.ts";
import { realFiles } from "../../src/host/real-files.ts";

describe("the file system of this machine", () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "pavlos-files-"));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const at = (path: string): string => join(root, path);

  it("answers null for what is not there, also below a file", () => {
    writeFileSync(at("file"), "");
    for (const path of ["missing", "file/below"]) {
      expect(realFiles.readText(at(path))).toBeNull();
      expect(realFiles.list(at(path))).toBeNull();
      expect(realFiles.status(at(path))).toBeNull();
      expect(realFiles.writable(at(path))).toBe(false);
    }
  });

  it("throws for what is there and cannot be read as that", () => {
    expect(() => realFiles.readText(root)).toThrow(/EISDIR/);
  });

  it("replaces files as a whole, for their owner only, and leaves no temporary name", async () => {
    realFiles.replace(at("a"), "one");
    await realFiles.replaceDurably(at("a"), "two");
    expect(realFiles.readText(at("a"))).toBe("two");
    expect(statSync(at("a")).mode & 0o777).toBe(0o600);
    expect(readdirSync(root)).toEqual(["a"]);
  });

  it("describes a link itself, not what it points to", () => {
    mkdirSync(at("directory"), { mode: 0o700 });
    symlinkSync("directory", at("link"));
    expect(realFiles.status(at("link"))?.kind).toBe("link");
    expect(realFiles.status(at("directory"))).toMatchObject({ kind: "directory", mode: 0o700 });
  });

  it("removes a link and not what it points to; nothing at all is fine too", async () => {
    mkdirSync(at("directory"));
    writeFileSync(at("directory/kept"), "");
    symlinkSync(at("directory"), at("link"));
    await realFiles.remove(at("link"));
    await realFiles.remove(at("never"));
    expect(realFiles.list(at("directory"))).toEqual(["kept"]);
  });
});

describe("an error of a system call", () => {
  it("is told in words", () => {
    const full = Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
    expect([errnoOf(full), isMissing(full), reasonOf(full)]).toEqual([
      "ENOSPC",
      false,
      "no space left on the disk",
    ]);
  });

  it("keeps its own words where there are none better, and so does anything that was thrown", () => {
    expect(reasonOf(new Error("odd"))).toBe("odd");
    expect([reasonOf("text"), errnoOf("text"), isMissing(null)]).toEqual(["text", null, false]);
  });
});
