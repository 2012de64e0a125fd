import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { around, identityOf, treeMaps } from "../../src/oci/identity.ts";
import { host, me } from "../providers/support.ts";
import { environment } from "../reconcile/support/environments.ts";

const withUser = (user: string | null) => environment("web", { user });
const isolated = (user: "auto" | boolean) =>
  environment("web", { isolation: { ...environment("web").isolation, user } });

describe("who runs in an environment", () => {
  it("is root without a user namespace when root asks", () => {
    expect(identityOf(withUser(null), host())).toMatchObject({
      value: { mapping: "none", uids: [], user: { kind: "root", uid: 0 } },
    });
  });

  it("is root in a namespace with every id when isolation.user is true", () => {
    const identity = identityOf(isolated(true), host());
    expect(identity).toMatchObject({ value: { mapping: "all", uids: [{ container: 0, host: 0 }] } });
  });

  it("is the caller itself, with subordinate ids around it", () => {
    expect(identityOf(withUser(null), host(me))).toMatchObject({
      value: {
        mapping: "subordinate",
        uids: [
          { container: 0, host: 100_000, count: 1000 },
          { container: 1000, host: 1000, count: 1 },
          { container: 1001, host: 101_001, count: 64_535 },
        ],
        user: { kind: "me", uid: 1000, gid: 1000, lookup: null },
      },
    });
  });

  it.each([
    ["me", 1000],
    ["root", 0],
    ["33:33", 33],
  ])("is one id that stands for the caller without subordinate ids: %s", (user, container) => {
    expect(identityOf(withUser(user), host({ ...me, mapHelpers: false }))).toMatchObject({
      value: { mapping: "single", uids: [{ container, host: 1000, count: 1 }] },
    });
  });

  it("cannot be a name without subordinate ids, and says how to get them", () => {
    const identity = identityOf(withUser("postgres"), host({ ...me, subuids: [] }));
    expect(identity).toMatchObject({ ok: false, failure: { path: "user" } });
    expect(JSON.stringify(identity)).toContain("--add-subuids");
  });

  it("cannot do without a user namespace unless root asks", () => {
    expect(identityOf(isolated(false), host(me))).toMatchObject({
      ok: false,
      failure: { path: "isolation.user" },
    });
  });

  it("looks names up inside", () => {
    expect(identityOf(withUser("postgres:postgres"), host(me))).toMatchObject({
      value: { user: { kind: "other", uid: null, lookup: "postgres:postgres" } },
    });
  });
});

describe("a map around the own id", () => {
  const range = fc.record({
    start: fc.integer({ min: 100_000, max: 9e8 }),
    count: fc.integer({ min: 1, max: 70_000 }),
  });

  it("maps each container id once, and the own id to itself", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 99_999 }),
        fc.array(range, { minLength: 1, maxLength: 3 }),
        (own, ranges) => {
          const maps = around(ranges, own);
          for (const [index, map] of maps.entries()) {
            const next = maps[index + 1];
            if (next !== undefined) expect(map.container + map.count).toBeLessThanOrEqual(next.container);
            expect(map.count).toBeGreaterThan(0);
          }
          const holder = maps.filter((map) => own >= map.container && own < map.container + map.count);
          expect(holder).toEqual([{ container: own, host: own, count: 1 }]);
        },
      ),
    );
  });

  it("leaves the host ids of all other container ids as they were", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 65_535 }), fc.integer({ min: 0, max: 65_535 }), (own, id) => {
        fc.pre(id !== own);
        const map = around([{ start: 100_000, count: 65_536 }], own).find(
          ({ container, count }) => id >= container && id < container + count,
        );
        expect(map && map.host + id - map.container).toBe(100_000 + id);
      }),
    );
  });
});

describe("the owners of a tree on disk", () => {
  it("are as in the archive for root, and mapped for others", () => {
    expect(treeMaps(host())).toEqual([]);
    expect(treeMaps(host(me))).toContain("1000:1000:1");
    expect(treeMaps(host({ ...me, subuids: [] }))).toEqual([
      "--uid-map",
      "0:1000:1",
      "--gid-map",
      "0:1000:1",
    ]);
  });
});
