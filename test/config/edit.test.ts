import { expect, it } from "vitest";
import { editYaml } from "../../src/config/edit.ts";
import type { MapNode } from "../../src/config/tree.ts";
import { parseYaml } from "../../src/config/yaml.ts";

function edited(text: string, path: string, value: string | null): string | null {
  const tree = parseYaml({ file: "/x.yaml", text }).documents[0];
  if (tree?.kind !== "map") throw new Error("no map");
  return editYaml(tree as MapNode, { path: path.split("."), text: value });
}

const file = `# the shop
rootfs: host   # this machine
resources:
    memory: 256MiB  # enough
    pids:   64

command: [sleep, "5"]
`;

it("changes a value and nothing else", () => {
  expect(edited(file, "resources.memory", "1GiB")).toBe(file.replace("256MiB", "1GiB"));
  expect(edited('a: {x: 1, y: "two"}\n', "a.y", "3")).toBe("a: {x: 1, y: 3}\n");
});

it("adds a key where it belongs, as its neighbours are indented", () => {
  expect(edited(file, "resources.cpus", "2")).toBe(file.replace("   64\n", "   64\n    cpus: 2\n"));
  expect(edited(file, "stop.timeout", "5s")).toBe(`${file.trimEnd()}\nstop:\n  timeout: 5s\n`);
  expect(edited("rootfs: host", "resources.pids", "9")).toBe("rootfs: host\nresources:\n  pids: 9\n");
  expect(edited("resources: {pids: 4} # few\n", "resources.cpus", "2")).toBe(
    "resources: {pids: 4, cpus: 2} # few\n",
  );
  expect(edited("a: { x: 1 }\n", "a.y.z", "2")).toBe("a: { x: 1, y: {z: 2} }\n");
});

it("takes a key out with its comment", () => {
  expect(edited(file, "resources.memory", null)).toBe(file.replace("    memory: 256MiB  # enough\n", ""));
  expect(edited("a: {x: 1, y: 2}\n", "a.x", null)).toBe("a: {y: 2}\n");
  expect(edited("a: {x: 1, y: 2}\n", "a.y", null)).toBe("a: {x: 1}\n");
  expect(edited(file, "resources.swap", null)).toBe(file);
});

it("leaves to a person what several places share, and what is no single value", () => {
  expect(edited("a: &x 1\nb: *x\n", "a", "2")).toBe(null);
  expect(edited("a: [1, 2]\n", "a", "3")).toBe(null);
});
