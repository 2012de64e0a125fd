import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { mergeTrees, withoutEmpty } from "../../src/config/merge.ts";
import { type MapNode, type Tree, toPlain } from "../../src/config/tree.ts";
import { desiredOf, environmentOf, projectDirectory } from "./support.ts";

const span = { source: { file: "/it.yaml", text: "" }, start: 0, end: 0 };

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { kind: "list", items: value.map(treeOf), span };
  if (typeof value !== "object" || value === null) {
    return { kind: "scalar", value: value as string | null, text: String(value), plain: true, span };
  }
  const entries = Object.entries(value).map(
    ([key, inner]) => [key, { key: span, value: treeOf(inner) }] as const,
  );
  return { kind: "map", entries: new Map(entries), span };
}

const map = (value: object): MapNode => treeOf(value) as MapNode;
const merged = (...values: object[]): unknown => toPlain(values.map(map).reduce(mergeTrees));

const key = fc.constantFrom("a", "b", "c", "env");
const leaf = fc.oneof(fc.integer(), fc.array(fc.integer(), { maxLength: 2 }));
// As in the format, a field is a map in every file or in none.
const value = fc.record({ a: leaf, env: fc.dictionary(key, leaf), c: leaf }, { requiredKeys: [] });

describe("mergeTrees", () => {
  test("does not care how several are grouped", () => {
    fc.assert(
      fc.property(value, value, value, (a, b, c) => {
        const left = toPlain(mergeTrees(mergeTrees(map(a), map(b)), map(c)));
        const right = toPlain(mergeTrees(map(a), mergeTrees(map(b), map(c))));
        expect(left).toEqual(right);
      }),
    );
  });

  test("changes nothing when a tree is put on top of itself or of nothing", () => {
    fc.assert(
      fc.property(value, (a) => {
        expect(merged(a, a)).toEqual(a);
        expect(merged({}, a)).toEqual(a);
        expect(merged(a, {})).toEqual(a);
      }),
    );
  });

  test("replaces lists and single choices, and does not pass on the name", () => {
    const base = { name: "base", rootfs: { path: "/a" }, mounts: [1, 2], env: { A: 1, B: 2 } };
    const over = { rootfs: { archive: "/b" }, mounts: [3], env: { B: 3 } };
    expect(merged(base, over)).toEqual({ rootfs: { archive: "/b" }, mounts: [3], env: { A: 1, B: 3 } });
  });

  test("leaves out empty sections, but not empty variables", () => {
    const tree = map({ mounts: null, resources: { cpus: null, pids: 1 }, env: { A: null } });
    expect(toPlain(withoutEmpty(tree))).toEqual({ resources: { pids: 1 }, env: { A: null } });
  });
});

describe("extends", () => {
  const files = {
    "environments/_base.yaml":
      "resources: {memory: 1GiB, cpus: 1}\nenvFile: base.env\nmounts: [./data:/data]\n",
    "environments/base.env": "FROM=file\n",
    "environments/data/x": "",
    "shared/more.yaml": "extends: ../environments/_base.yaml\nresources:\n  memory: 2GiB\n",
    "environments/api.yaml": "extends: ../shared/more.yaml\nresources: {cpus: 2}\nmounts:\n",
  };

  test("keeps the place of each value and the meaning of its relative paths", async () => {
    const desired = await desiredOf(files);
    const [api] = desired.environments;
    expect(api?.resources).toMatchObject({ memory: 2 * 2 ** 30, cpus: 2 });
    expect(api?.env).toEqual({ FROM: "file" });
    expect(api?.mounts).toEqual([]);
    const places = desired.places.get("api");
    expect(places?.get("resources.memory")).toEqual({
      file: `${projectDirectory}/shared/more.yaml`,
      line: 3,
      column: 11,
    });
    expect(places?.get("env.FROM")).toEqual({
      file: `${projectDirectory}/environments/base.env`,
      line: 1,
      column: 1,
    });
    expect(desired.files.map((file) => file.slice(projectDirectory.length + 1)).sort()).toEqual([
      "environments/_base.yaml",
      "environments/api.yaml",
      "environments/base.env",
      "shared/more.yaml",
    ]);
  });

  test("follows variables in the name of the file", async () => {
    const reader = { env: { KIND: "more" } };
    const more = { ...files, "environments/api.yaml": "extends: ../shared/${KIND}.yaml\n" };
    expect((await desiredOf(more, reader)).environments[0]?.resources.memory).toBe(2 * 2 ** 30);
  });

  test("is not needed", async () => expect((await environmentOf("{}")).name).toBe("it"));
});
