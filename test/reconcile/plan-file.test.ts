import { describe, expect, it } from "vitest";
import type { Environment } from "../../src/model/environment.ts";
import { type PlanFile, planFile, samePlan, staleness } from "../../src/reconcile/plan-file.ts";
import { foreign, parsePlanFile, printPlanFile } from "../../src/reconcile/plan-text.ts";
import { foresee } from "../../src/reconcile/reconcile.ts";
import type { Selection } from "../../src/reconcile/select.ts";
import { apply } from "./support/drive.ts";
import { desired, environment, project } from "./support/environments.ts";
import { World } from "./support/world.ts";

const web = environment("web", { command: ["serve"] });
const db = environment("db");
const bigger = { ...web, resources: { ...web.resources, memory: 512 << 20 } };

const goalOf = (files: readonly Environment[], selection: Selection = { names: null }) =>
  ({ kind: "apply", desired: desired(files), ...selection }) as const;

async function made(world: World, files: readonly Environment[], selection?: Selection): Promise<PlanFile> {
  const goal = goalOf(files, selection);
  const prospect = await foresee(world.machinery(), goal);
  const asked = { names: null, ...selection, files: [], profiles: [] };
  const now = new Date("2026-11-23T10:00:00Z");
  const text = printPlanFile(planFile({ goal, prospect, asked, program: "1.2.3", now }));
  const parsed = parsePlanFile(text, { path: "plan.json", program: "1.2.3" });
  if (!parsed.ok) throw new Error(parsed.failure.message);
  return parsed.value;
}

async function stale(file: PlanFile, world: World, files: readonly Environment[]) {
  const { files: _f, profiles: _p, ...selection } = file.asked;
  const goal = goalOf(files, selection);
  const { actual } = await foresee(world.machinery(), goal);
  return staleness(file, goal, actual).map(({ message }) => message.replace(" since the plan was made", ""));
}

async function running() {
  const world = new World();
  await apply(world, [web, db]);
  return world;
}

describe("a plan that was kept", () => {
  it("holds as long as nothing has changed, and is the plan that would be made again", async () => {
    const world = await running();
    const file = await made(world, [bigger, db]);
    expect(await stale(file, world, [bigger, db])).toEqual([]);
    const { plan } = await foresee(world.machinery(), goalOf([bigger, db]));
    expect(plan.changes).toHaveLength(1);
    expect(samePlan(file, plan)).toBe(true);
    expect(samePlan({ ...file, changes: [] }, plan)).toBe(false);
  });

  it("names the field of the files that is another now", async () => {
    const world = await running();
    const file = await made(world, [bigger, db]);
    expect(await stale(file, world, [{ ...bigger, user: "root" }, db])).toEqual([
      "the configuration of `web` has changed: user",
    ]);
    expect(await stale(file, world, [bigger])).toEqual(["`db` was removed from the files"]);
    expect(await stale(file, world, [bigger, db, environment("new")])).toEqual([
      "`new` was added to the files",
    ]);
  });

  it("names what another apply has changed", async () => {
    const world = await running();
    const file = await made(world, [bigger, db]);
    await apply(world, [{ ...web, user: "root" }, db]);
    expect(await stale(file, world, [bigger, db])).toEqual([
      "`web` is not as it was: another apply changed user; it was started again (pid 1002, now 1003)",
    ]);
  });

  it("names what happened on the machine: an end, a limit from outside, a destroy", async () => {
    const world = await running();
    const file = await made(world, [bigger, db]);
    const container = world.container("web");
    if (container === undefined) throw new Error("web does not run");
    container.spec = { ...web, resources: { ...web.resources, pids: 7 } };
    expect(await stale(file, world, [bigger, db])).toEqual([
      "`web` is not as it was: changed from outside: resources.pids",
    ]);
    world.exit("web", 1);
    expect(await stale(file, world, [bigger, db])).toEqual([
      "`web` is not as it was: it was running and is failed",
    ]);
    await apply(world, [db]);
    expect(await stale(file, world, [bigger, db])).toEqual(["`web` does not exist any more"]);
  });

  it("is about those environments alone that were asked for", async () => {
    const world = await running();
    const file = await made(world, [bigger, db], { names: null, exclude: ["db"] });
    world.exit("db", 1);
    expect(await stale(file, world, [bigger, { ...db, user: "root" }])).toEqual([]);
  });
});

describe("a file that is no plan for here", () => {
  const read = (text: string) => {
    const parsed = parsePlanFile(text, { path: "plan.json", program: "1.2.3" });
    return parsed.ok ? "a plan" : parsed.failure.code;
  };
  it("is one of another version, of another program, or none at all", async () => {
    const file = await made(new World(), [web]);
    expect(read(printPlanFile({ ...file, version: 2 }))).toBe("plan-version");
    expect(read(printPlanFile({ ...file, program: "1.2.4" }))).toBe("plan-version");
    expect(read(printPlanFile(file).slice(0, -9))).toBe("plan-unreadable");
    expect(read("{}")).toBe("plan-unreadable");
    expect(read('{"format":"pavlos-plan","version":1,"program":"1.2.3"}')).toBe("plan-unreadable");
  });
  it("is one of another clone", async () => {
    const file = await made(new World(), [web]);
    expect(foreign(file, project)).toBe(null);
    expect(foreign(file, { ...project, id: "demo-4567cdef", root: "/tmp/demo" })?.message).toContain(
      "/home/me/demo",
    );
  });
});
