import { describe, expect, it } from "vitest";
import { parseInstalled } from "../../../../src/providers/rootfs/packages/apk.ts";
import { packageChanges } from "../../../../src/providers/rootfs/packages/database.ts";
import { parseStatus } from "../../../../src/providers/rootfs/packages/dpkg.ts";
import { parseHeader } from "../../../../src/providers/rootfs/packages/rpm.ts";

const versions = (database: ReadonlyMap<string, { readonly version: string }>) =>
  Object.fromEntries([...database].map(([name, { version }]) => [name, version]));

describe("what is installed", () => {
  it("is read from dpkg's status, removed packages and other architectures kept apart", () => {
    const text = `Package: tree
Status: install ok installed
Architecture: amd64
Version: 2.1.0-1

Package: gone
Status: deinstall ok config-files
Architecture: all
Version: 1

Package: libc6
Status: install ok installed
Architecture: amd64
Multi-Arch: same
Version: 2.36-9
`;
    expect(versions(parseStatus(text))).toEqual({ tree: "2.1.0-1", "libc6:amd64": "2.36-9" });
  });

  it("is read from apk's database, with its files", () => {
    const text =
      "P:musl\nV:1.2.4-r2\nF:lib\nR:ld-musl-x86_64.so.1\nR:libc.so\nF:\nR:top\n\nP:zlib\nV:1.3-r0\n";
    const database = parseInstalled(text);
    expect(versions(database)).toEqual({ musl: "1.2.4-r2", zlib: "1.3-r0" });
    expect(database.get("musl")?.files).toEqual(["/lib", "/lib/ld-musl-x86_64.so.1", "/lib/libc.so", "/top"]);
  });

  it("is read from rpm's headers, with its files", () => {
    const text = (...values: string[]) => ({
      type: 8,
      count: values.length,
      data: Buffer.from(`${values.join("\0")}\0`),
    });
    const number = (...values: number[]) => {
      const data = Buffer.alloc(4 * values.length);
      values.forEach((value, index) => {
        data.writeUInt32BE(value, 4 * index);
      });
      return { type: 4, count: values.length, data };
    };
    const blob = header([
      [1000, text("bash")],
      [1001, text("5.2")],
      [1002, text("3.fc39")],
      [1022, text("x86_64")],
      [1116, number(0, 1)],
      [1117, text("bash", "bashrc")],
      [1118, text("/usr/bin/", "/etc/")],
    ]);
    expect(parseHeader(blob)).toEqual([
      ["bash.x86_64", { version: "5.2-3.fc39", files: ["/usr/bin/bash", "/etc/bashrc"] }],
    ]);
  });
});

it("tells what was installed, removed and replaced", () => {
  const database = (entries: Record<string, string>) =>
    new Map(Object.entries(entries).map(([name, version]) => [name, { version, files: [] }]));
  expect(
    packageChanges("apk", database({ a: "1", b: "1", c: "1" }), database({ b: "2", c: "1", d: "1" })),
  ).toEqual([
    { manager: "apk", name: "a", from: "1", to: null },
    { manager: "apk", name: "b", from: "1", to: "2" },
    { manager: "apk", name: "d", from: null, to: "1" },
  ]);
});

interface Entry {
  readonly type: number;
  readonly count: number;
  readonly data: Buffer;
}

function header(entries: readonly (readonly [number, Entry])[]): Buffer {
  const index: number[] = [];
  let store = Buffer.alloc(0);
  for (const [tag, { type, count, data }] of entries) {
    index.push(tag, type, store.length, count);
    store = Buffer.concat([store, data]);
  }
  const head = Buffer.alloc(8 + 4 * index.length);
  head.writeUInt32BE(entries.length, 0);
  head.writeUInt32BE(store.length, 4);
  index.forEach((value, at) => {
    head.writeUInt32BE(value, 8 + 4 * at);
  });
  return Buffer.concat([head, store]);
}
