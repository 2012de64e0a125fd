import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realFiles } from "../../../src/host/real-files.ts";
import type { Content } from "../../../src/providers/devices/nvidia/attach.ts";
import { makePrebuilt } from "../../../src/providers/devices/nvidia/directory.ts";

describe("the prebuilt directory of a driver", () => {
  let at: string;
  let library: string;
  beforeEach(() => {
    at = mkdtempSync(join(tmpdir(), "pavlos-prebuilt-"));
    library = join(at, "libcuda.so.580");
    writeFileSync(library, "cuda");
  });
  afterEach(() => rmSync(at, { recursive: true, force: true }));

  const directory = () => join(at, "drivers/580-key");
  const prepared = (changes: { linked?: boolean; inode?: number; path?: string } = {}) => ({
    directory: directory(),
    linked: changes.linked ?? true,
    content: (): Content => ({
      files: {
        "lib64/libcuda.so.580": {
          path: changes.path ?? library,
          inode: changes.inode ?? statSync(library).ino,
        },
      },
      links: { "lib64/libcuda.so.1": "libcuda.so.580" },
      texts: { params: "ModifyDeviceFiles: 0\n" },
    }),
  });
  const inside = (name: string, directoryName = directory()) => join(directoryName, "lib64", name);

  it("has the driver's files themselves", async () => {
    expect(await makePrebuilt(realFiles, prepared())).toBe(true);
    expect(statSync(inside("libcuda.so.580")).ino).toBe(statSync(library).ino);
    expect(readlinkSync(inside("libcuda.so.1"))).toBe("libcuda.so.580");
    expect(readFileSync(join(directory(), "params"), "utf8")).toBe("ModifyDeviceFiles: 0\n");
    expect(readdirSync(join(at, "drivers"))).toEqual(["580-key"]);
  });

  it.each([
    ["is another one than was found", { inode: 1 }],
    // A file of /proc has no second name anywhere else.
    ["is on another file system", { path: "/proc/version" }],
    ["is gone", { path: "/nowhere/libcuda.so.580" }],
  ])("has empty ones to mount them on where one %s", async (_, changes) => {
    expect(await makePrebuilt(realFiles, prepared(changes))).toBe(false);
    const mounted = `${directory()}-mounted`;
    expect(readFileSync(inside("libcuda.so.580", mounted), "utf8")).toBe("");
    expect(readlinkSync(inside("libcuda.so.1", mounted))).toBe("libcuda.so.580");
    expect(readdirSync(join(at, "drivers"))).toEqual(["580-key-mounted"]);
  });

  it("is made once, and is seen to be used", async () => {
    await makePrebuilt(realFiles, prepared({ linked: false }));
    utimesSync(directory(), 1, 1);
    const again = { ...prepared({ linked: false }), content: () => expect.unreachable() };
    expect(await makePrebuilt(realFiles, again)).toBe(true);
    expect(statSync(directory()).mtimeMs).toBeGreaterThan(Date.now() - 60_000);
  });

  it("is taken from whoever made it at the same time", async () => {
    const slower = prepared();
    const content = () => {
      mkdirSync(directory(), { recursive: true });
      return slower.content();
    };
    expect(await makePrebuilt(realFiles, { ...slower, content })).toBe(true);
    expect(readdirSync(join(at, "drivers"))).toEqual(["580-key"]);
    expect(existsSync(library)).toBe(true);
  });
});
