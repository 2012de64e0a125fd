import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { environments } from "./support/arbitrary.ts";
import { apply, applyUntilKilled, look, toward, visible } from "./support/drive.ts";
import { environment, project } from "./support/environments.ts";
import { World } from "./support/world.ts";

const withSecret = (): World => {
  const world = new World();
  world.secrets.set("TOKEN", "1");
  return world;
};

describe("reconciling any environments", () => {
  it("leaves nothing to do", () =>
    fc.assert(
      fc.asyncProperty(environments, async (wanted) => {
        const world = withSecret();
        await apply(world, wanted);
        expect((await look(world, wanted)).plan.changes).toEqual([]);
        const effects = world.effects;
        expect(await apply(world, wanted)).toMatchObject({ kind: "nothing" });
        expect(world.effects).toBe(effects);
      }),
    ));

  it("ends in the same state by way of any other", () =>
    fc.assert(
      fc.asyncProperty(environments, environments, async (first, second) => {
        const detour = withSecret();
        await apply(detour, first);
        await apply(detour, second);
        const straight = withSecret();
        await apply(straight, second);
        expect(visible(detour)).toEqual(visible(straight));
      }),
    ));

  it("does not depend on the order of the files", () =>
    fc.assert(
      fc.asyncProperty(environments, environments, async (before, wanted) => {
        const world = withSecret();
        await apply(world, before);
        const forward = (await look(world, wanted)).plan;
        expect((await look(world, wanted.toReversed())).plan).toEqual(forward);
      }),
    ));

  it("touches nothing that another project owns", () =>
    fc.assert(
      fc.asyncProperty(environments, environments, async (theirs, ours) => {
        const world = withSecret();
        // Its id begins with ours, and its environments have the same names.
        const other = { id: `${project.id}-89abcdef`, name: `${project.name}-2`, root: "/home/me/other" };
        await reconcile(world.machinery(other), toward(theirs, other), null);
        const before = visible(world);
        await apply(world, ours);
        await reconcile(world.machinery(), { kind: "destroy", names: null }, null);
        expect(visible(world)).toEqual(before);
      }),
    ));

  it("converges after a kill at any moment, with nothing left over", () =>
    fc.assert(
      fc.asyncProperty(
        environments,
        environments,
        environments,
        fc.nat(60),
        async (first, second, other, moment) => {
          // Going on, going back and going elsewhere.
          for (const third of [second, first, other]) {
            const world = withSecret();
            await apply(world, first);
            await applyUntilKilled(world, second, moment);
            await apply(world, third);
            const straight = withSecret();
            await apply(straight, third);
            expect(visible(world)).toEqual(visible(straight));
            expect((await look(world, third)).plan.changes).toEqual([]);
          }
        },
      ),
      { numRuns: 300 },
    ));

  it("converges after a kill at each single moment of an apply that does everything", async () => {
    const hooks = { created: [["setup"]], started: [["hello"]], stopping: [["bye"]] };
    const before = [
      environment("api", { hooks }),
      environment("db", { command: ["db"], hooks }),
      environment("old"),
    ];
    const after = [
      environment("api", { hooks, hostname: "new" }),
      environment("db", { command: ["db", "-v"], hooks }),
      environment("new", { hooks, rootfs: { kind: "path", path: "/srv/root", mode: "overlay" } }),
    ];
    let moment = 0;
    for (let ended = false; !ended; moment += 1) {
      for (const target of [after, before]) {
        const world = new World();
        await apply(world, before);
        ended = await applyUntilKilled(world, after, moment);
        await apply(world, target);
        const straight = new World();
        await apply(straight, target);
        expect(visible(world), `killed after ${moment} effects: ${world.log.join(", ")}`).toEqual(
          visible(straight),
        );
      }
    }
    expect(moment).toBeGreaterThan(50);
  });

  it("converges when two applies run at the same time", () =>
    fc.assert(
      fc.asyncProperty(environments, environments, async (before, wanted) => {
        const world = withSecret();
        await apply(world, before);
        await Promise.all([apply(world, wanted), apply(world, wanted)]);
        const straight = withSecret();
        await apply(straight, wanted);
        expect(visible(world)).toEqual(visible(straight));
      }),
    ));
});
