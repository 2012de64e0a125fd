import { describe, expect, it } from "vitest";
import { byLongestPrefix, differences, same, valueAt } from "../../src/reconcile/compare.ts";
import { environment } from "./support/environments.ts";

const web = environment("web");
const tmpfs = (target: string, size: number | null = null) => ({
  type: "tmpfs" as const,
  target,
  readonly: false,
  size,
});

describe("differences between two environments", () => {
  it("are none between equal ones, whatever the order of their keys", () => {
    expect(differences({ a: 1, b: { c: [1], d: null } }, { b: { d: null, c: [1] }, a: 1 })).toEqual([]);
  });

  it("are named down to the field", () => {
    const more = { ...web, resources: { ...web.resources, memory: 512 }, env: { PORT: "1" } };
    expect(differences(web, more)).toEqual([
      { path: "env.PORT", from: undefined, to: "1" },
      { path: "resources.memory", from: null, to: 512 },
    ]);
  });

  it("name the argument of a command that is as long as before, else the command", () => {
    expect(differences({ command: ["a", "b"] }, { command: ["a", "c"] })).toEqual([
      { path: "command[1]", from: "b", to: "c" },
    ]);
    expect(differences({ command: ["a"] }, { command: ["a", "c"] })).toEqual([
      { path: "command", from: ["a"], to: ["a", "c"] },
    ]);
  });

  it("are whole where the kind of a root or network is another", () => {
    const path = { kind: "path", path: "/srv", mode: "overlay" };
    expect(differences({ rootfs: { kind: "host" } }, { rootfs: path })).toEqual([
      { path: "rootfs", from: { kind: "host" }, to: path },
    ]);
    expect(differences({ rootfs: path }, { rootfs: { ...path, path: "/opt" } })).toEqual([
      { path: "rootfs.path", from: "/srv", to: "/opt" },
    ]);
  });

  it("match mounts by their target", () => {
    const before = { mounts: [tmpfs("/a"), tmpfs("/b"), tmpfs("/c")] };
    const after = { mounts: [tmpfs("/b"), tmpfs("/c", 5), tmpfs("/d")] };
    expect(differences(before, after)).toEqual([
      { path: "mounts", from: tmpfs("/c"), to: tmpfs("/c", 5), written: "mounts[1]" },
      { path: "mounts", from: undefined, to: tmpfs("/d"), written: "mounts[2]" },
      { path: "mounts", from: tmpfs("/a"), to: undefined },
    ]);
  });

  it("see mounts that only changed their order", () => {
    const before = { mounts: [tmpfs("/a"), tmpfs("/a/b")] };
    const after = { mounts: before.mounts.toReversed() };
    expect(differences(before, after)).toEqual([{ path: "mounts", from: before.mounts, to: after.mounts }]);
  });
});

describe("paths", () => {
  it("find values in objects and lists", () => {
    expect(valueAt({ a: [{ b: 1 }] }, "a[0].b")).toBe(1);
    expect(valueAt({ a: null }, "a.b.c")).toBeUndefined();
  });

  it("fall back to their nearest ancestor", () => {
    const known: Readonly<Record<string, number>> = { "a.b": 2, "": 0 };
    const find = (path: string) => byLongestPrefix(path, (prefix) => known[prefix]);
    expect([find("a.b[3].c"), find("a.b"), find("a"), find("x")]).toEqual([2, 2, 0, 0]);
  });

  it("tell an absent value from null", () => expect(same({ a: null }, {})).toBe(false));
});
