import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { loadCompiled } from "../../src/host/compiled.ts";

const cacheBefore = process.env.XDG_CACHE_HOME;
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pavlos-compiled-"));
  process.env.XDG_CACHE_HOME = join(directory, "cache");
});

afterEach(() => {
  if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cacheBefore;
  rmSync(directory, { recursive: true, force: true });
});

const framed = (text: string): string => `(function(exports,require,module,__filename,__dirname){${text}})`;

const program = (text: string): string => {
  const file = join(directory, "program-1.cjs");
  writeFileSync(file, framed(text));
  return file;
};

const kept = (): readonly string[] => {
  const all = join(directory, "cache/pavlos/compiled");
  return readdirSync(all).flatMap((name) => readdirSync(join(all, name)));
};

const start = (file: string, parts: readonly string[] = []): unknown => {
  const { exports, keep } = loadCompiled(file, "apply");
  const answer = (exports as { answer: () => unknown }).answer();
  keep(parts);
  return answer;
};

/** In one process V8 remembers the source by itself and never looks at what was kept. */
const startElsewhere = (file: string): string => {
  const module = new URL("../../src/host/compiled.ts", import.meta.url).href;
  const script = `
    import { loadCompiled } from "${module}";
    const { exports, keep } = loadCompiled("${file}", "apply");
    console.log(exports.answer());
    keep([]);`;
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  return done.stdout.trim() || done.stderr;
};

const answering = "exports.answer = () => 6 * 7;";

describe("compiled code", () => {
  it("is kept by the first three starts and then only read", () => {
    const file = program(answering);
    const seen = [1, 2, 3, 4].map(() => [start(file), ...kept()]);
    expect(seen).toEqual([
      [42, "apply.1"],
      [42, "apply.2"],
      [42, "apply.3"],
      [42, "apply.3"],
    ]);
  });

  it("is kept again when a start went through a part for one of its first three times", () => {
    const file = program(answering);
    for (const _ of [1, 2, 3]) start(file);
    const seen = [["gpus"], [], ["gpus"], ["gpus", "images"], ["gpus"]].map((parts) => {
      start(file, parts);
      return kept().join();
    });
    expect(seen).toEqual([
      "apply.3.gpus-1",
      "apply.3.gpus-1",
      "apply.3.gpus-2",
      "apply.3.gpus-3.images-1",
      "apply.3.gpus-3.images-1",
    ]);
  });

  it("is compiled anew when what was kept is damaged", () => {
    const file = program(answering);
    for (const _ of [1, 2, 3]) startElsewhere(file);
    const [name = ""] = readdirSync(join(directory, "cache/pavlos/compiled"));
    const path = join(directory, "cache/pavlos/compiled", name, "apply.3");
    const damaged = readFileSync(path).fill(0, 0, 64);
    writeFileSync(path, damaged);
    expect(startElsewhere(file)).toBe("42");
    expect(kept()).toEqual(["apply.1"]);
  });

  it("is not taken from a file that others may write", () => {
    const file = program(answering);
    start(file);
    const [name = ""] = readdirSync(join(directory, "cache/pavlos/compiled"));
    chmodSync(join(directory, "cache/pavlos/compiled", name, "apply.1"), 0o666);
    expect(start(file)).toBe(42);
    expect(kept()).toEqual(["apply.1"]);
  });

  it("comes with the libraries beside the program", () => {
    writeFileSync(join(directory, "library-1.cjs"), framed("exports.six = 6;"));
    const file = program('exports.answer = () => require("./library-1.cjs").six;');
    expect(start(file)).toBe(6);
    expect(kept()).toEqual(["apply.1", "apply.1"]);
  });

  it("runs where nothing can be kept", () => {
    process.env.XDG_CACHE_HOME = "/dev/null/nowhere";
    expect(start(program(answering))).toBe(42);
  });
});
