import { describe, expect, it } from "vitest";
import type { Event } from "../../src/model/event.ts";
import type { Plan } from "../../src/model/plan.ts";
import type { Goal } from "../../src/reconcile/api.ts";
import { foresee, reconcile } from "../../src/reconcile/reconcile.ts";
import { apply, look, toward } from "./support/drive.ts";
import { environment } from "./support/environments.ts";
import { World } from "./support/world.ts";

const web = environment("web", { command: ["serve"] });
const many = Array.from({ length: 20 }, (_, index) => environment(`env-${String(index).padStart(2, "0")}`));

/** The provider's and launcher's steps, without the files. */
const steps = (world: World) => world.log.filter((line) => !/^(write|append|mkdir|remove) \//.test(line));

describe("an apply", () => {
  it("serves many environments with one call of each kind", async () => {
    const world = new World();
    await apply(world, many);
    expect(world.batches).toEqual([
      { verb: "create", size: 20 },
      { verb: "start", size: 20 },
    ]);
    await apply(world, []);
    expect(world.batches.at(-1)).toEqual({ verb: "stop", size: 20 });
    expect([...world.files.directories.keys()]).not.toContain("/data/environments/demo-0123abcd");
  });

  it("prepares a new root before the old container is stopped", async () => {
    const world = new World();
    await apply(world, [web]);
    world.log.length = 0;
    await apply(world, [{ ...web, rootfs: { kind: "path", path: "/srv", mode: "overlay" } }]);
    expect(steps(world)).toEqual([
      "prepare web",
      "stop web",
      "aside-keep web",
      "prepare web",
      "create web",
      "start web",
      "verify web",
      "aside-drop web",
    ]);
  });

  it("keeps the layer of a restart, and drops it where nothing is to persist", async () => {
    const world = new World();
    await apply(world, [web]);
    world.layers.get("demo-0123abcd-web")?.written.push("mine");
    await apply(world, [{ ...web, user: "root" }]);
    expect(world.layers.get("demo-0123abcd-web")?.written).toEqual(["mine"]);
    await apply(world, [{ ...web, user: "me", persist: false }]);
    expect(world.layers.get("demo-0123abcd-web")?.written).toEqual([]);
  });

  it("runs the created hooks once for each layer, and the others each time", async () => {
    const world = new World();
    const hooks = { created: [["setup"]], started: [["hello"]], stopping: [["bye"]] };
    await apply(world, [{ ...web, hooks }]);
    await apply(world, [{ ...web, hooks, user: "root" }]);
    expect(world.layers.get("demo-0123abcd-web")?.written).toEqual(["setup", "hello", "bye", "hello"]);
  });

  it("says how much data a recreate loses", async () => {
    const world = new World();
    await apply(world, [web]);
    world.layers.get("demo-0123abcd-web")?.written.push("mine");
    const { plan } = await look(world, [{ ...web, rootfs: { kind: "path", path: "/srv", mode: "overlay" } }]);
    expect(plan.changes).toMatchObject([
      { action: "recreate", dataLost: { bytes: 1, since: "2026-11-23T10:00:00.000Z" } },
    ]);
  });

  it("keeps everything of the project out of a plan that nobody accepted", async () => {
    const world = new World();
    const outcome = await reconcile(world.machinery(), toward([web]), async () => false);
    expect(outcome.kind).toBe("declined");
    expect(world.effects).toBe(0);
  });

  it("asks again when the machine changed while the plan was read", async () => {
    const world = new World();
    await apply(world, [web]);
    const asked: Plan[] = [];
    await reconcile(world.machinery(), toward([{ ...web, user: "root" }]), async (plan) => {
      asked.push(plan);
      if (asked.length === 1) world.exit("web", 137, true);
      return true;
    });
    expect(asked.map((plan) => plan.changes[0]?.reason)).toEqual([undefined, "was killed by signal 9"]);
    expect(world.container("web")?.spec.user).toBe("root");
  });

  it("names the holder when it waits for the lock", async () => {
    const world = new World();
    const events: Event[] = [];
    const machinery = world.machinery(undefined, (event) => events.push(event));
    await Promise.all([apply(world, [web]), reconcile(machinery, toward([web]), null)]);
    expect(events).toContainEqual({ kind: "lock-waiting", holder: "pid 1, `pavlos apply`" });
  });
});

describe("a step that fails", () => {
  it("stops no other environment", async () => {
    const world = new World();
    world.broken.add("start env-03");
    const outcome = await apply(world, many);
    expect(outcome).toMatchObject({ kind: "done" });
    expect(world.containers.size).toBe(19);
  });

  it("of a creation leaves nothing behind", async () => {
    const world = new World();
    world.broken.add("start web");
    expect(await apply(world, [web])).toMatchObject({
      results: [{ failure: { problem: { code: "start-failed" }, left: null } }],
    });
    expect([world.containers.size, world.layers.size]).toEqual([0, 0]);
    expect(world.files.list("/data/environments/demo-0123abcd/web")).toBeNull();
  });

  it("before the old container was touched leaves that running", async () => {
    const world = new World();
    await apply(world, [web]);
    const pid = world.container("web")?.pid;
    world.broken.add("prepare web");
    const outcome = await apply(world, [{ ...web, rootfs: { kind: "path", path: "/srv", mode: "overlay" } }]);
    expect(outcome).toMatchObject({
      results: [{ failure: { problem: { code: "prepare-failed" }, left: null } }],
    });
    expect(world.container("web")?.pid).toBe(pid);
  });

  it("of a restart puts the old configuration back", async () => {
    const world = new World();
    await apply(world, [web]);
    world.brokenOnce.add("start web");
    const outcome = await apply(world, [{ ...web, command: ["broken"] }]);
    expect(outcome).toMatchObject({ results: [{ failure: { restored: true } }] });
    expect(world.container("web")).toMatchObject({ held: false, spec: { command: ["serve"] } });
    expect((await look(world, [web])).plan.changes).toEqual([]);
  });

  it("of a restart and of the way back is repaired by the next apply", async () => {
    const world = new World();
    await apply(world, [web]);
    world.broken.add("start web");
    const outcome = await apply(world, [{ ...web, command: ["broken"] }]);
    expect(outcome).toMatchObject({
      results: [{ failure: { left: expect.stringContaining("the next `pavlos apply`") } }],
    });
    world.broken.clear();
    await apply(world, [web]);
    expect(world.container("web")).toMatchObject({ held: false, spec: { command: ["serve"] } });
  });

  it("of a live change restarts instead and says so", async () => {
    const world = new World();
    await apply(world, [web]);
    world.broken.add("change web");
    const events: Event[] = [];
    const machinery = world.machinery(undefined, (event) => events.push(event));
    const outcome = await reconcile(machinery, toward([{ ...web, hostname: "x" }]), null);
    expect(outcome).toMatchObject({ results: [{ failure: null }] });
    expect(world.container("web")?.spec.hostname).toBe("x");
    expect(events).toContainEqual(
      expect.objectContaining({
        kind: "notice",
        notice: expect.objectContaining({ code: "restart-instead" }),
      }),
    );
  });

  it("of a stopping hook is reported and stops nothing", async () => {
    const world = new World();
    await apply(world, [{ ...web, hooks: { ...web.hooks, stopping: [["bye"]] } }]);
    world.broken.add("hook web");
    const outcome = await apply(world, []);
    expect(outcome).toMatchObject({ results: [{ failure: null }] });
    expect(world.containers.size).toBe(0);
  });

  it("by interruption finishes the step and goes no further", async () => {
    const world = new World();
    const ending = new AbortController();
    const report = (event: Event) => {
      if (event.kind === "operation-started" && event.operation === "create") ending.abort();
    };
    const machinery = { ...world.machinery(undefined, report), signal: ending.signal };
    const outcome = await reconcile(machinery, toward([web]), null);
    expect(outcome).toMatchObject({ results: [{ failure: { problem: { code: "interrupted" } } }] });
    expect(world.container("web")?.held).toBe(true);
    await apply(world, [web]);
    expect(world.container("web")?.held).toBe(false);
  });
});

describe("start, stop, restart and destroy", () => {
  const errand = async (
    world: World,
    kind: "start" | "stop" | "restart" | "destroy",
    names: string[] | null,
  ) => reconcile(world.machinery(), { kind, names }, null);

  it("work on what is there, without the files", async () => {
    const world = new World();
    await apply(world, [web, environment("db")]);
    await errand(world, "stop", ["web"]);
    expect(world.container("web")).toBeUndefined();
    expect(await errand(world, "stop", ["web"])).toMatchObject({ kind: "nothing" });
    await errand(world, "start", ["web"]);
    const pid = world.container("web")?.pid;
    expect(await errand(world, "start", null)).toMatchObject({ kind: "nothing" });
    await errand(world, "restart", ["web"]);
    expect(world.container("web")?.pid).not.toBe(pid);
    await errand(world, "destroy", null);
    expect([world.containers.size, world.layers.size, [...world.files.texts.keys()]]).toEqual([0, 0, []]);
  });

  it("stop what apply starts again", async () => {
    const world = new World();
    await apply(world, [web]);
    await errand(world, "stop", null);
    expect((await look(world, [web])).plan.changes).toMatchObject([
      { action: "restart", drift: true, reason: "stopped by pavlos stop" },
    ]);
  });

  it("refuse names that nobody knows, all at once, and change nothing", async () => {
    const world = new World();
    await apply(world, [web]);
    const outcome = await errand(world, "destroy", ["web", "wbe", "dbb"]);
    expect(outcome).toMatchObject({
      kind: "refused",
      problems: [{ message: expect.stringContaining("wbe") }, {}],
    });
    expect(world.containers.size).toBe(1);
  });

  it("keep interrupted work for the next apply when they stop it", async () => {
    const world = new World();
    world.lifetime = 12;
    await apply(world, [web]).catch(() => undefined);
    world.revive();
    await errand(world, "stop", null);
    await apply(world, [web]);
    expect(world.container("web")?.held).toBe(false);
    expect((await look(world, [web])).plan.changes).toEqual([]);
  });
});

describe("broken state", () => {
  const record = "/data/environments/demo-0123abcd/web/record.json";

  it.each([
    ["half-written", (text: string) => text.slice(0, 100)],
    ["of another version", (text: string) => text.replace('"version":1', '"version":99')],
    ["empty", () => ""],
  ])(
    "a record that is %s is a problem when the layer may hold data, and nothing is changed",
    async (_what, damage) => {
      const world = new World();
      await apply(world, [web]);
      world.files.texts.set(record, damage(world.files.texts.get(record) ?? ""));
      world.files.makeDirectory("/data/environments/demo-0123abcd/web/upper/root/home", 0o755);
      const effects = world.effects;
      const outcome = await apply(world, [web]);
      expect(outcome).toMatchObject({ kind: "refused", problems: [{ code: "record-unusable" }] });
      expect(world.effects).toBe(effects);
      const goal: Goal = { kind: "destroy", names: ["web"] };
      await reconcile(world.machinery(), goal, null);
      expect(world.containers.size).toBe(0);
      await apply(world, [web]);
      expect((await foresee(world.machinery(), toward([web]))).plan.changes).toEqual([]);
    },
  );

  it("a container whose record was lost is replaced", async () => {
    const world = new World();
    await apply(world, [web]);
    const pid = world.container("web")?.pid;
    world.files.texts.delete(record);
    await apply(world, [web]);
    expect(world.container("web")?.pid).not.toBe(pid);
    expect((await look(world, [web])).plan.changes).toEqual([]);
  });
});
