import { copyFileSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { driverTree } from "../../../src/host/driver-tree.ts";
import { realFiles } from "../../../src/host/real-files.ts";
import { cachedFiles } from "../../../src/providers/devices/nvidia/cache.ts";
import { findDriver, findDriverFiles } from "../../../src/providers/devices/nvidia/discover.ts";
import type { DriverFiles } from "../../../src/providers/devices/nvidia/model.ts";
import { libraryDirectory, machines, version } from "../../fixtures/nvidia/machines.ts";
import { writeTree } from "../../fixtures/nvidia/tree.ts";

let at: string;
let looks: number;
beforeEach(() => {
  at = mkdtempSync(join(tmpdir(), "pavlos-cache-"));
  writeTree(join(at, "machine"), machines.laptop);
  looks = 0;
});
afterEach(() => rmSync(at, { recursive: true, force: true }));

function look(): DriverFiles {
  const tree = driverTree(join(at, "machine"));
  const driver = findDriver(tree);
  if (driver === null) throw new Error("no driver");
  const tools = { files: realFiles, paths: { data: join(at, "data"), run: join(at, "run") } };
  return cachedFiles(tools, tree, {
    driver,
    find: () => {
      looks += 1;
      return findDriverFiles(tree, driver, { arch: "x64", kernel: "6.12" });
    },
  });
}

it("keeps what was found while nothing changes", () => {
  const first = look();
  expect(look()).toEqual(first);
  expect(looks).toBe(1);
});

it("looks again when a library was put in another's place, though nobody told the loader's cache", () => {
  const first = look();
  const library = join(at, "machine", libraryDirectory, `libcuda.so.${version}`);
  copyFileSync(library, `${library}.new`);
  renameSync(`${library}.new`, library);
  const second = look();
  expect(looks).toBe(2);
  expect(second.id).not.toBe(first.id);
  expect(second.libraries.map(({ file, links }) => [file, links])).toEqual(
    first.libraries.map(({ file, links }) => [file, links]),
  );
});
