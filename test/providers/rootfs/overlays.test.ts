import { expect, it } from "vitest";
import { writableParts } from "../../../src/providers/rootfs/overlays.ts";
import { memoryFiles } from "../../host/support/memory-files.ts";

it("finds what is written to in the bundle that the kernel was told, escaped paths too", () => {
  const files = memoryFiles();
  const mounts = [
    {
      destination: "/",
      type: "overlay",
      options: ["lowerdir=/store/b\\:1:/store/a", "upperdir=/e/api/upper/root", "workdir=/e/api/work/root"],
    },
    { destination: "/var/tmp", type: "none", source: "/e/api/upper/private-var-tmp" },
    { destination: "/data", type: "none", source: "/home/me/data" },
    { destination: "/proc", type: "proc" },
  ];
  files.texts.set("/e/api/bundle/config.json", JSON.stringify({ mounts }));
  expect(writableParts(files, "/e/api/bundle", "/e/api/upper")).toEqual([
    { point: "/", upper: "/e/api/upper/root", lowers: ["/store/b:1", "/store/a"] },
    { point: "/var/tmp", upper: "/e/api/upper/private-var-tmp", lowers: [] },
  ]);
  expect(writableParts(files, "/e/none/bundle", "/e/none/upper")).toEqual([]);
});
