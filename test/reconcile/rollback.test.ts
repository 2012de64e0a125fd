import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Environment } from "../../src/model/environment.ts";
import { reconcile } from "../../src/reconcile/reconcile.ts";
import { environments } from "./support/arbitrary.ts";
import { apply, look, toward, visible } from "./support/drive.ts";
import { environment } from "./support/environments.ts";
import { World } from "./support/world.ts";

const web = environment("web", { command: ["serve"] });
const other: Environment = { ...web, rootfs: { kind: "path", path: "/srv", mode: "overlay" } };
const id = "demo-0123abcd-web";

const running = async (): Promise<World> => {
  const world = new World();
  await apply(world, [web]);
  world.layers.get(id)?.written.push("mine");
  return world;
};

describe("a new configuration that fails", () => {
  it.each(["create", "start", "verify", "hook"])("in its step %s brings the old one back", async (step) => {
    for (const changed of [{ ...web, user: "root" }, other]) {
      const world = await running();
      const before = visible(world);
      world.brokenOnce.add(`${step} web`);
      const wanted = { ...changed, hooks: { created: [], started: [["hello"]], stopping: [] } };
      expect(await apply(world, [wanted])).toMatchObject({
        results: [{ failure: { restored: true, problem: { code: `${step}-failed` } } }],
      });
      expect(visible(world)).toEqual(before);
      // A restart's new command had the same layer; a recreate's had one of its own.
      expect(world.layers.get(id)?.written).toContain("mine");
      if (changed === other) expect(world.layers.get(id)?.written).toEqual(["mine"]);
    }
  });

  it("stays when that is asked for", async () => {
    const world = await running();
    world.sick.add("web");
    const goal = { ...toward([other]), afterFailure: "leave" } as const;
    expect(await reconcile(world.machinery(), goal, null)).toMatchObject({
      results: [{ failure: { left: expect.stringContaining("stays as it is") } }],
    });
    expect(world.container("web")?.spec.rootfs).toEqual(other.rootfs);
    expect(world.asides.size).toBe(0);
    expect((await look(world, [other])).plan.changes).toEqual([]);
  });

  it("stays where nothing ran before", async () => {
    const world = await running();
    world.exit("web", 1);
    world.sick.add("web");
    const wanted = { ...other, health: { ...health } };
    expect(await apply(world, [wanted])).toMatchObject({
      results: [{ failure: { left: expect.stringContaining("stays as it is") } }],
    });
    expect(world.container("web")).toBeDefined();
  });

  it("is looked at when it is the first one, and stays", async () => {
    const world = new World();
    world.sick.add("web");
    expect(await apply(world, [{ ...web, health }])).toMatchObject({
      results: [{ failure: { left: expect.stringContaining("stays as it is") } }],
    });
    expect(world.container("web")?.held).toBe(false);
    expect((await look(world, [{ ...web, health }])).plan.changes).toEqual([]);
  });

  it("changes nothing of any environment whose new instance is not good", () =>
    fc.assert(
      fc.asyncProperty(environments, environments, async (first, second) => {
        const world = new World();
        world.secrets.set("TOKEN", "1");
        await apply(world, first);
        for (const [key, layer] of world.layers) layer.written.push(`of ${key}`);
        const before = visible(world);
        const data = new Map([...world.layers].map(([key, layer]) => [key, [...layer.written]]));
        for (const { name } of second) world.broken.add(`verify ${name}`);
        const outcome = await apply(world, second);
        const after = visible(world);
        for (const { change, failure } of outcome.kind === "done" ? outcome.results : []) {
          const key = `demo-0123abcd-${change.environment}`;
          if (!failure?.restored) continue;
          expect(after.containers[key]).toEqual(before.containers[key]);
          expect(after.layers[key]).toEqual(before.layers[key]);
          const kept = data.get(key) ?? [];
          if (before.containers[key] !== undefined && isKept(first, change.environment))
            expect(world.layers.get(key)?.written).toEqual(expect.arrayContaining(kept));
        }
        expect(after.asides).toEqual([]);
      }),
    ));
});

describe("an interrupted recreate", () => {
  it("gives the old layer back to whoever wants it, and keeps it for whoever does not", async () => {
    for (const target of [web, other]) {
      for (let moment = 0; moment < 40; moment += 1) {
        const world = await running();
        world.lifetime = moment;
        await apply(world, [other]).catch(() => undefined);
        world.revive();
        const record = world.files.texts.get("/data/environments/demo-0123abcd/web/record.json");
        const done = record?.includes("/srv") === true;
        // Only what was done to the end cannot be taken back.
        world.brokenOnce.add(target === other ? "verify web" : "nothing");
        await apply(world, [target]);
        await apply(world, [web]);
        const kept = world.layers.get(id)?.written.includes("mine");
        if (target === web && !done) expect(kept, world.log.join(", ")).toBe(true);
        expect(world.asides.size).toBe(0);
      }
    }
  });
});

const isKept = (list: readonly Environment[], name: string): boolean =>
  list.find((one) => one.name === name)?.persist ?? false;

const health = {
  check: { kind: "tcp", host: "localhost", port: 80 },
  interval: 1000,
  timeout: 1000,
  retries: 3,
  startPeriod: 1000,
} as const;
