import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Environment } from "../../src/model/environment.ts";
import { orderOf } from "../../src/reconcile/order.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { environments } from "./support/arbitrary.ts";
import { apply } from "./support/drive.ts";
import { environment } from "./support/environments.ts";
import { World } from "./support/world.ts";

const db = environment("db", { command: ["db"] });
const web = environment("web", { command: ["serve"], dependsOn: { db: "started" } });

const fresh = (): World => {
  const world = new World();
  world.secrets.set("TOKEN", "1");
  return world;
};

/** Pairs of environments of which the second depends on the first. */
const pairs = (wanted: readonly Environment[]) =>
  wanted.flatMap((one) => Object.keys(one.dependsOn).map((other) => [other, one.name] as const));

describe("dependencies", () => {
  it("are started first, and stopped last", () =>
    fc.assert(
      fc.asyncProperty(environments, async (wanted) => {
        const world = fresh();
        await apply(world, wanted.toReversed());
        for (const [first, second] of pairs(wanted))
          expect(world.log.indexOf(`start ${first}`)).toBeLessThan(world.log.indexOf(`start ${second}`));
        await reconcile(world.machinery(), { kind: "destroy", names: null }, null);
        for (const [first, second] of pairs(wanted))
          expect(world.log.indexOf(`stop ${first}`)).toBeGreaterThan(world.log.indexOf(`stop ${second}`));
      }),
    ));

  it("keep what depends on them from being touched when they fail", async () => {
    const world = fresh();
    world.broken.add("start db");
    expect(await apply(world, [db, web])).toMatchObject({
      results: [
        { failure: { problem: { code: "start-failed" } } },
        { failure: { problem: { code: "dependency-failed" }, left: null } },
      ],
    });
    expect(world.container("web")).toBeUndefined();
    world.broken.clear();
    expect(await apply(world, [db, web])).toMatchObject({ results: [{ failure: null }, { failure: null }] });
  });

  it("are asked for their health and their end", async () => {
    const world = fresh();
    world.sick.add("db");
    const wants = (condition: "healthy" | "completed") => ({ ...web, dependsOn: { db: condition } });
    await apply(world, [db]);
    const reached = { results: [{ failure: { problem: { code: "reach-failed" } } }] };
    expect(await apply(world, [db, wants("healthy")])).toMatchObject(reached);
    expect(await apply(world, [db, wants("completed")])).toMatchObject(reached);
    world.exit("db", 0);
    expect(await apply(world, [db, wants("completed")])).toMatchObject({ results: [{ failure: null }] });
  });

  it("that the records have in a circle stop nobody from stopping", () => {
    const record = (name: string, other: string) => ({
      name,
      record: { spec: environment(name, { dependsOn: { [other]: "started" } }) },
    });
    const instances = [record("a", "b"), record("b", "c"), record("c", "a")];
    const change = (environment: string) => ({ environment, action: "destroy" });
    const order = orderOf({
      changes: ["a", "b", "c"].map(change),
      actual: { instances, leftovers: [] },
      wanted: new Map(),
    } as unknown as Parameters<typeof orderOf>[0]);
    expect(order.sequence.toSorted()).toEqual(["a", "b", "c"]);
    const place = (name: string) => order.sequence.indexOf(name);
    for (const [name, others] of order.stopsAfter)
      for (const other of others) expect(place(other)).toBeLessThan(place(name));
  });
});
