import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realFiles } from "../../../src/host/real-files.ts";
import { success } from "../../../src/model/result.ts";
import { parseBase, printBase } from "../../../src/providers/rootfs/store/base.ts";
import { sweep } from "../../../src/providers/rootfs/store/gc.ts";
import { writeImage } from "../../../src/providers/rootfs/store/images.ts";
import { layerFiles, layerName, stackOf } from "../../../src/providers/rootfs/store/layers.ts";
import { leaseLayers } from "../../../src/providers/rootfs/store/leases.ts";
import { withLayerLock, withLayerLocks } from "../../../src/providers/rootfs/store/locks.ts";
import { noConfig } from "../../../src/providers/rootfs/store/stack.ts";
import type { Tools } from "../../../src/providers/tools.ts";
import { fakeNative, freeFlock, host, me, noLocks } from "../support.ts";

let data = "";
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "pavlos-store-"));
});
afterEach(() => rmSync(data, { recursive: true }));

/** A pavlosc that removes, and says of every tree that it takes 1000 bytes. */
function tools(): Tools {
  const { native } = fakeNative(([verb, ...args]) => {
    const paths = args.filter((arg) => arg.startsWith("/"));
    if (verb === "remove") for (const path of paths) rmSync(path, { recursive: true, force: true });
    return {
      stdout: verb === "usage" ? paths.map((path) => JSON.stringify({ path, bytes: 1000 })).join("\n") : "",
    };
  });
  const paths = { data, run: join(data, "run") };
  return { host: host(), paths, files: realFiles, native, flock: freeFlock, lockFile: noLocks, env: {} };
}

const hex = (digit: string) => digit.repeat(64);
const hour = 3_600_000;

/** A layer that was last used so many hours ago. */
function layer(id: string, hours = 2): string {
  const files = layerFiles(tools(), id);
  mkdirSync(files.tree, { recursive: true });
  const then = new Date(Date.now() - hours * hour);
  utimesSync(files.directory, then, then);
  return files.tree;
}

const sweepNow = (options: { readonly maxSize?: number; readonly mode?: "remove" | "dry-run" } = {}) =>
  sweep(tools(), { mode: "remove", maxSize: null, grace: hour, now: Date.now(), drivers: [], ...options });
const left = () => readdirSync(join(data, "store/layers")).sort();

describe("a stack", () => {
  const content = { key: "k", config: null };

  it("has its layers topmost first, and exists only when all do", () => {
    const [a, b] = [layer(hex("a")), layer(hex("b"))];
    expect(stackOf(tools(), { ...content, layers: [hex("a"), hex("b")] })?.layers).toEqual([b, a]);
    expect(stackOf(tools(), { ...content, layers: [hex("a"), hex("c")] })).toBeNull();
    expect(stackOf(tools(), { ...content, layers: [] })).toBeNull();
  });

  it("has a layer once where an image has it twice: the upper one does it all", () => {
    const [a, b] = [layer(hex("a")), layer(hex("b"))];
    expect(stackOf(tools(), { ...content, layers: [hex("a"), hex("b"), hex("a")] })?.layers).toEqual([a, b]);
  });

  it("ends at a layer that hides all below", () => {
    layer(hex("a"));
    const [b, c] = [layer(hex("b")), layer(hex("c"))];
    writeFileSync(layerFiles(tools(), hex("b")).opaque, "");
    expect(stackOf(tools(), { ...content, layers: [hex("a"), hex("b"), hex("c")] })?.layers).toEqual([c, b]);
  });

  it("is remembered by its layers' names, and forgotten when one is gone", () => {
    layer(hex("a"));
    const stack = stackOf(tools(), { ...content, layers: [hex("a")] });
    if (stack === null) throw new Error("no stack");
    expect(parseBase(tools(), printBase(stack))).toEqual(stack);
    rmSync(layerFiles(tools(), hex("a")).directory, { recursive: true });
    expect(parseBase(tools(), printBase(stack))).toBeNull();
    for (const text of [null, "", "{", '{"key":"k","layers":["../x"]}', hex("a")])
      expect(parseBase(tools(), text)).toBeNull();
  });
});

it("names the mapping in the name of a layer, because it decides the owners on disk", () => {
  const other = (start: number) => ({
    ...tools(),
    host: host({ ...me, subuids: [{ start, count: 65_536 }] }),
  });
  const names = [
    layerName(tools(), hex("a")),
    layerName(other(100_000), hex("a")),
    layerName(other(200_000), hex("a")),
  ];
  expect(new Set(names).size).toBe(3);
});

it("does work on one digest once at a time, and goes on after work that fails", async () => {
  const order: string[] = [];
  const signal = new AbortController().signal;
  const work = (name: string, ms: number) =>
    withLayerLock(tools(), hex("a"), {
      signal,
      work: async () => {
        order.push(`${name} begins`);
        await new Promise((resolve) => setTimeout(resolve, ms));
        order.push(`${name} ends`);
        if (name === "two") throw new Error("two");
        return success(name);
      },
    });
  const [one, two, three] = await Promise.allSettled([work("one", 20), work("two", 5), work("three", 0)]);
  expect(order).toEqual(["one begins", "one ends", "two begins", "two ends", "three begins", "three ends"]);
  expect([one.status, two.status, three.status]).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

it("takes the locks of several digests at once, whatever their order, and never for work that shares one", async () => {
  const now = new Set<string>();
  let waits = 0;
  const flock = {
    ...freeFlock,
    wait: async (descriptors: readonly number[]) => {
      waits += 1;
      expect(descriptors.length).toBeGreaterThan(1);
      return success(true);
    },
  };
  const work = (ids: readonly string[]) =>
    withLayerLocks({ ...tools(), flock }, ids.map(hex), {
      signal: new AbortController().signal,
      work: async () => {
        for (const id of ids) expect(now.has(id)).toBe(false);
        for (const id of ids) now.add(id);
        await new Promise((resolve) => setTimeout(resolve, 1));
        for (const id of ids) now.delete(id);
        return success(undefined);
      },
    });
  const all = [
    ["a", "b"],
    ["b", "a"],
    ["c", "d", "c"],
    ["d", "a"],
    ["b", "c"],
  ];
  for (const done of await Promise.all(all.map(work))) expect(done.ok).toBe(true);
  expect(waits).toBe(all.length);
  expect(readdirSync("/proc/self/fd").length).toBeLessThan(200);
});

describe("gc", () => {
  it("leaves what a writable layer, a named root, a lock file or a living process wants, and the young", async () => {
    const wanted = ["base", "ref", "lease", "young", "pinned", "image"];
    for (const name of wanted) layer(`archive-${name}`, name === "young" ? 0 : 2);
    layer(hex("1"));
    layer(`archive-${hex("2")}`);
    layer("archive-nobody");
    const project = join(data, "environments/demo-1");
    const base = (name: string) => JSON.stringify({ key: "k", layers: [name], config: null });
    mkdirSync(join(project, "web/work"), { recursive: true });
    writeFileSync(join(project, "web/work/base"), base("archive-base"));
    writeFileSync(join(project, "project.json"), JSON.stringify({ version: 1, name: "demo", root: data }));
    writeFileSync(join(data, "pavlos.lock"), `x: sha256:${hex("9")}\ny: ${hex("2")}\n`);
    mkdirSync(join(data, "store/refs"), { recursive: true });
    writeFileSync(join(data, "store/refs/mine.json"), base("archive-ref"));
    leaseLayers(tools(), ["archive-lease"]);
    const image = {
      version: 1,
      digest: `sha256:${hex("9")}`,
      reference: "r",
      platform: "linux/amd64",
    } as const;
    const layers = ["archive-pinned", "archive-image", hex("1")];
    await writeImage(tools(), {
      ...image,
      layers,
      config: noConfig,
      size: 1,
      pulledAt: "2026-01-01T00:00:00Z",
    });

    const dry = await sweepNow({ mode: "dry-run" });
    expect(dry).toMatchObject({ value: { swept: [{ name: "archive-nobody", bytes: 1000 }], kept: 8000 } });
    expect(left()).toHaveLength(9);
    expect(await sweepNow()).toEqual(dry);
    expect(left()).toHaveLength(8);

    // With little room also what only the lock file wants, with the image's record.
    const tight = await sweepNow({ maxSize: 3000 });
    expect(tight).toMatchObject({ ok: true, value: { kept: 3000 } });
    expect(left()).toEqual(["archive-base", "archive-lease", "archive-ref"]);
    expect(readdirSync(join(data, "store/images"))).toEqual([]);
  });

  it("removes what a killed process left, and no other's work", async () => {
    for (const name of [".tmp-1-1-dead", `.tmp-${process.pid}-${startTime()}-mine`])
      mkdirSync(join(data, "store/layers", name), { recursive: true });
    const projects = join(data, "environments");
    for (const id of [
      "build-1-1-0123abcd",
      `build-${process.pid}-${startTime()}-0123abcd`,
      "build-1-2-0123abcd",
    ])
      mkdirSync(join(projects, id, "build/work"), { recursive: true });
    writeFileSync(join(projects, "build-1-2-0123abcd", "project.json"), "{}");
    await sweepNow();
    expect(left()).toEqual([`.tmp-${process.pid}-${startTime()}-mine`]);
    expect(readdirSync(projects).sort()).toEqual(
      ["build-1-2-0123abcd", `build-${process.pid}-${startTime()}-0123abcd`].sort(),
    );
  });

  it("puts a layer back that was leased while it was moved away", async () => {
    layer("archive-late");
    const slow = tools();
    const { native } = slow;
    const racing: Tools = {
      ...slow,
      native,
      files: {
        ...realFiles,
        // The moment between the choice and the removal.
        list: (path) => {
          if (path.endsWith("/images")) leaseLayers(slow, ["archive-late"]);
          return realFiles.list(path);
        },
      },
    };
    await sweep(racing, { mode: "remove", maxSize: null, grace: hour, now: Date.now(), drivers: [] });
    expect(left()).toEqual(["archive-late"]);
  });
});

const startTime = () => {
  const stat = realFiles.readText("/proc/self/stat") ?? "";
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
};
