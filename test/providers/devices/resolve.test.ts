import { expect, it } from "vitest";
import type { DriverTree } from "../../../src/host/driver-tree.ts";
import type { Place } from "../../../src/providers/devices/nvidia/attach.ts";
import { lookForDriver, resolveGpus } from "../../../src/providers/devices/nvidia/resolve.ts";
import type { Tools } from "../../../src/providers/tools.ts";
import { useMachines } from "../../fixtures/nvidia/use.ts";
import { memoryFiles } from "../../host/support/memory-files.ts";
import { gpus } from "./support/gpus.ts";

const machine = useMachines();

/** What a caller gets on a laptop, and the directory that has to be there for it. */
function resolve(uid: number, place: Place, there: readonly string[] = []) {
  const files = memoryFiles();
  for (const path of there) files.texts.set(path, "");
  const tools = {
    files,
    paths: { data: "/data", run: "/run/x" },
    host: { kernel: "6.12", caller: { uid } },
  } as unknown as Tools;
  // Its paths are as those of the machine itself.
  const tree: DriverTree = { ...machine("laptop"), root: place === "shared" ? "" : machine("laptop").root };
  const found = lookForDriver(tree, tools);
  const request = { gpus, place, store: "/store", used: new Set<string>(), own: new Set<string>() };
  const rest = { variables: {}, masks: false, layers: [] };
  const resolved = resolveGpus(tools, tree, { found, request: { ...request, ...rest } });
  if (!resolved.ok) throw new Error(resolved.failure.message);
  return resolved.value;
}

it("root links the driver's files, others mount them", () => {
  const [root, user] = [resolve(0, "writable"), resolve(1000, "writable")];
  expect(root.directory).toMatchObject({ linked: true });
  expect(root.directory?.directory).toMatch(/^\/store\/580\.65\.06-[0-9a-f]{16}$/);
  expect(user.directory).toMatchObject({ directory: `${root.directory?.directory}-mounted`, linked: false });
  expect(root.attachment.mounts[0]?.source).toBe(root.directory?.directory);
  expect(user.attachment.mounts.length).toBeGreaterThan(root.attachment.mounts.length);
});

it("root mounts them too where it was seen that they cannot be linked", () => {
  const mounted = resolve(1000, "writable").directory?.directory ?? "";
  expect(resolve(0, "writable", [mounted])).toMatchObject({
    directory: { directory: mounted, linked: false },
    attachment: resolve(1000, "writable").attachment,
  });
});

it("no directory is made for a root that has the driver already", () =>
  expect(resolve(0, "shared").directory).toBeNull());
