import { describe, expect, it } from "vitest";
import type { InstanceRecord } from "../../src/model/instance.ts";
import { parseRecord, printRecord } from "../../src/state/records.ts";
import { environment } from "../reconcile/support/environments.ts";

const record: InstanceRecord = {
  version: 1,
  name: "web",
  spec: environment("web"),
  containerId: "demo-0123abcd-web",
  createdAt: "2026-11-23T10:00:00Z",
  stopped: false,
  hooked: true,
  secretHashes: { TOKEN: "ab" },
  pending: { action: "restart", fields: [] },
  provider: { rootfs: { layer: "sha256:1" } },
};

describe("a record", () => {
  it("is read as it was written", () => {
    expect(parseRecord(printRecord(record), "web")).toEqual({ ok: true, value: record });
  });

  it("tells its version first", () => expect(printRecord(record)).toMatch(/^\{"version":1,/));

  it("of which any part is missing is unreadable, never a crash", () => {
    const text = printRecord(record).trimEnd();
    for (let length = 0; length < text.length; length += 1)
      expect(parseRecord(text.slice(0, length), "web")).toMatchObject({
        ok: false,
        failure: { foreign: false },
      });
  });

  it.each([
    ["another version", { ...record, version: 2 }],
    ["another environment", { ...record, name: "db" }],
  ])("of %s is foreign", (_what, other) => {
    expect(parseRecord(JSON.stringify(other), "web")).toMatchObject({
      ok: false,
      failure: { foreign: true },
    });
  });

  it.each(["null", "[]", "1", '{"version":1,"name":"web"}', '{"version":1,"name":"web","spec":null}'])(
    "that is %s is unreadable",
    (text) => expect(parseRecord(text, "web")).toMatchObject({ ok: false, failure: { foreign: false } }),
  );
});
