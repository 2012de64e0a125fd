import { describe, expect, it } from "vitest";
import type { Goal } from "../../src/reconcile/api.ts";
import { foresee } from "../../src/reconcile/reconcile.ts";
import { apply, toward } from "./support/drive.ts";
import { environment } from "./support/environments.ts";
import { World } from "./support/world.ts";

const api = environment("api", { labels: { team: "search", tier: "web" } });
const db = environment("db", { labels: { team: "search" } });
const docs = environment("docs", { labels: { team: "words" } });
const all = [api, db, docs];

async function chosen(goal: Partial<Goal>, world = new World(), files = all) {
  const { plan, problems } = await foresee(world.machinery(), { ...toward(files), ...goal } as Goal);
  return problems.length > 0
    ? problems.map(({ message }) => message)
    : plan.changes.map(({ environment: name, action }) => `${action} ${name}`);
}

describe("which environments are meant", () => {
  it("can be said by a label, by several and by its mere presence", async () => {
    const team = { key: "team", value: "search" };
    expect(await chosen({ labels: [team] })).toEqual(["create api", "create db"]);
    expect(await chosen({ labels: [team, { key: "tier", value: null }] })).toEqual(["create api"]);
    expect(await chosen({ labels: [team], names: ["db", "docs"] })).toEqual(["create db"]);
  });

  it("can be said by naming those that are not", async () => {
    expect(await chosen({ exclude: ["db"] })).toEqual(["create api", "create docs"]);
    expect(await chosen({ exclude: ["db"], names: ["db", "api"] })).toEqual(["create api"]);
  });

  it("is a problem when nobody has the label or the name", async () => {
    expect(await chosen({ labels: [{ key: "team", value: "none" }] })).toEqual([
      "no environment has the label team=none",
    ]);
    expect(await chosen({ exclude: ["dbb"] })).toEqual(["there is no environment `dbb`"]);
  });

  it("counts the label of the file before that of the record, and the record's where the file is gone", async () => {
    const world = new World();
    await apply(world, all);
    const files = [{ ...api, labels: {} }, docs];
    expect(await chosen({ labels: [{ key: "team", value: "search" }] }, world, files)).toEqual([
      "destroy db",
    ]);
  });

  it("holds for destroy as well", async () => {
    const world = new World();
    await apply(world, all);
    const goal: Goal = { kind: "destroy", names: null, labels: [{ key: "team", value: "words" }] };
    const { plan } = await foresee(world.machinery(), goal);
    expect(plan.changes.map((change) => change.environment)).toEqual(["docs"]);
  });

  it("never means what may hold somebody's data and has no readable record", async () => {
    const world = new World();
    await apply(world, all);
    world.files.texts.set("/data/environments/demo-0123abcd/db/record.json", '{"version":9}');
    const goal: Goal = { kind: "destroy", names: null, exclude: ["api"] };
    const { plan } = await foresee(world.machinery(), goal);
    expect(plan.changes.map((change) => change.environment)).toEqual(["docs"]);
  });
});
