import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { realFiles } from "../../../src/host/real-files.ts";
import { unusedDrivers } from "../../../src/providers/devices/unused.ts";

let data: string;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "pavlos-drivers-"));
});
afterEach(() => rmSync(data, { recursive: true, force: true }));

it("are those that no environment has mounted, and that nobody is about to use", () => {
  const now = Date.now();
  const driver = (name: string, age: number) => {
    const directory = join(data, "store/drivers", name);
    mkdirSync(directory, { recursive: true });
    utimesSync(directory, new Date(now - age), new Date(now - age));
    return directory;
  };
  const environment = (project: string, name: string, source: string) => {
    const bundle = join(data, "environments", project, name, "bundle");
    mkdirSync(bundle, { recursive: true });
    writeFileSync(join(bundle, "devices.json"), JSON.stringify({ mounts: [{ destination: "/a", source }] }));
  };
  const [whole, part] = [driver("570.1-whole", 9000), driver("570.1-part", 9000)];
  const [old, killed] = [driver("550.2-old", 9000), driver("570.1-whole.77.tmp", 9000)];
  driver("580.3-young", 10);
  environment("one", "web", whole);
  environment("two", "train", `${part}/params`);
  const tools = { files: realFiles, paths: { data, run: join(data, "run") } };
  expect(unusedDrivers(tools, { now, grace: 1000 })).toEqual([old, killed]);
});

it("are none where there never was a GPU", () => {
  const tools = { files: realFiles, paths: { data, run: join(data, "run") } };
  expect(unusedDrivers(tools, { now: Date.now(), grace: 0 })).toEqual([]);
});
