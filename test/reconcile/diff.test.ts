import { describe, expect, it } from "vitest";
import type { Environment } from "../../src/model/environment.ts";
import type { Drift, Instance, InstanceRecord, Leftover, Process } from "../../src/model/instance.ts";
import type { Desired } from "../../src/model/project.ts";
import { type DiffInput, diff } from "../../src/reconcile/diff.ts";
import { desired, environment, project } from "./support/environments.ts";

const running: Process = {
  status: "running",
  pid: 7,
  startedAt: "2026-11-23T10:00:00Z",
  exitCode: null,
  killed: false,
};
const gone = (changes: Partial<Process>): Process => ({
  ...running,
  status: "stopped",
  pid: null,
  exitCode: 0,
  ...changes,
});
const web = (changes: Partial<Environment> = {}) => environment("web", { command: ["serve"], ...changes });

function instance(
  spec: Environment,
  as: { record?: Partial<InstanceRecord>; process?: Process; drift?: Record<string, Drift> } = {},
): Instance {
  const record: InstanceRecord = {
    version: 1,
    name: spec.name,
    spec,
    containerId: `${project.id}-${spec.name}`,
    createdAt: "2026-11-23T10:00:00Z",
    stopped: false,
    hooked: true,
    secretHashes: {},
    pending: null,
    provider: {},
    ...as.record,
  };
  return {
    name: spec.name,
    record,
    process: as.process ?? running,
    drift: new Map(Object.entries(as.drift ?? {})),
  };
}

function between(
  instances: readonly Instance[],
  goal: Desired,
  more: Partial<DiffInput> & { leftovers?: readonly Leftover[] } = {},
) {
  const { leftovers = [], ...rest } = more;
  const actual = { instances, leftovers };
  return diff({
    desired: goal,
    actual,
    names: null,
    revive: "all",
    except: [],
    secretHashes: new Map(),
    interruptedAt: new Map(),
    ...rest,
  });
}

/** The only change of one environment that is there and wanted. */
function changeOf(old: Instance, wanted: Environment, more: Partial<DiffInput> = {}) {
  const { changes } = between([old], desired([wanted]), more);
  expect(changes.length).toBeLessThan(2);
  return changes[0] ?? null;
}

describe("what a changed file costs", () => {
  it("is nothing when nothing changed", () => expect(changeOf(instance(web()), web())).toBeNull());

  it.each<[string, Environment, string]>([
    ["a label is only recorded", web({ labels: { team: "a" } }), "record"],
    ["a limit changes live", web({ resources: { ...web().resources, memory: 5 } }), "live"],
    [
      "shm restarts although other resources change live",
      web({ resources: { ...web().resources, shm: 5 } }),
      "restart",
    ],
    ["a variable restarts the command", web({ env: { A: "1" } }), "restart"],
    [
      "a root needs a new container",
      web({ rootfs: { kind: "path", path: "/srv", mode: "overlay" } }),
      "recreate",
    ],
    ["the dearest field decides", web({ labels: { team: "a" }, user: "root", hostname: "x" }), "restart"],
  ])("%s", (_title, wanted, action) => {
    expect(changeOf(instance(web()), wanted)).toMatchObject({ action, drift: false, dataLost: null });
  });

  it("a variable is live where there is no command to restart", () => {
    expect(changeOf(instance(environment("web")), environment("web", { env: { A: "1" } }))?.action).toBe(
      "live",
    );
  });

  it("names each field with its place, the nearest known", () => {
    const place = (line: number) => ({ file: "/p/web.yaml", line, column: 3 });
    const wanted = web({ command: ["serve2"], hostname: "x" });
    const places = new Map([
      [
        "web",
        new Map([
          ["", place(1)],
          ["command", place(4)],
        ]),
      ],
    ]);
    const { changes } = between([instance(web())], desired([wanted], { places }));
    expect(changes[0]?.fields).toEqual([
      { path: "command[0]", from: "serve", to: "serve2", impact: "restart", source: place(4) },
      { path: "hostname", from: "web", to: "x", impact: "live", source: place(1) },
    ]);
  });
});

describe("what does not run", () => {
  it.each<[string, Process, Partial<InstanceRecord>, string]>([
    ["exited with code 3", gone({ status: "failed", exitCode: 3 }), {}, "exited with code 3"],
    ["killed", gone({ status: "failed", exitCode: 137, killed: true }), {}, "was killed by signal 9"],
    ["its supervisor died", gone({ exitCode: null, killed: true }), {}, "its supervisor died"],
    ["missing", gone({ status: "missing", exitCode: null }), {}, "not running (was the machine restarted?)"],
    [
      "shut down with the machine",
      gone({ requested: true }),
      {},
      "was stopped from outside (was the machine shut down?)",
    ],
    ["held", { ...running, status: "starting" }, {}, "created but never started"],
    ["stopped by its user", gone({}), { stopped: true }, "stopped by pavlos stop"],
  ])("%s: is started again, which repairs only", (_title, process, record, reason) => {
    expect(changeOf(instance(web(), { process, record }), web())).toMatchObject({
      action: "restart",
      drift: true,
      fields: [],
      reason,
    });
  });

  it("is done after success and needs nothing", () => {
    expect(changeOf(instance(web(), { process: gone({}) }), web())).toBeNull();
  });

  it("is not done when it was only to be entered", () => {
    const idle = environment("web");
    expect(changeOf(instance(idle, { process: gone({}) }), idle)?.action).toBe("restart");
  });

  it("takes a live change at its next start", () => {
    const wanted = web({ hostname: "x" });
    const change = changeOf(instance(web(), { process: gone({}) }), wanted);
    expect(change).toMatchObject({ action: "record", reason: "takes effect at the next start" });
  });

  it("runs again when what it runs changed", () => {
    expect(changeOf(instance(web(), { process: gone({}) }), web({ command: ["other"] }))?.action).toBe(
      "restart",
    );
  });

  it.each([
    { title: "what was stopped rests", process: gone({}), stopped: true, wanted: web({ user: "root" }) },
    { title: "what failed rests", process: gone({ exitCode: 1 }), wanted: web() },
    {
      title: "what failed starts when its file changed",
      process: gone({ exitCode: 1 }),
      wanted: web({ user: "root" }),
      action: "restart",
    },
    {
      title: "what was killed starts",
      process: gone({ exitCode: 137, killed: true }),
      wanted: web(),
      action: "restart",
    },
  ])("while watching, $title", ({ process, stopped = false, wanted, action }) => {
    const old = instance(web(), { process, record: { stopped } });
    expect(changeOf(old, wanted, { revive: "killed" })?.action).toBe(action);
  });
});

describe("drift", () => {
  const drift = (live: unknown, impact?: Drift["impact"]) => ({
    "resources.pids": { live, reason: "changed outside Pavlos", ...(impact ? { impact } : {}) },
  });
  const limited = (pids: number) => web({ resources: { ...web().resources, pids } });

  it("is repaired with the field's own impact", () => {
    expect(changeOf(instance(limited(512), { drift: drift(4096) }), limited(512))).toMatchObject({
      action: "live",
      drift: true,
      fields: [{ path: "resources.pids", from: 512, live: 4096, to: 512, reason: "changed outside Pavlos" }],
    });
  });

  it("is repaired with the provider's impact where that is another", () => {
    expect(changeOf(instance(limited(512), { drift: drift(1, "restart") }), limited(512))?.action).toBe(
      "restart",
    );
  });

  it("under a changed file shows all three values and is no mere repair", () => {
    const change = changeOf(instance(limited(512), { drift: drift(4096) }), limited(100));
    expect(change).toMatchObject({
      action: "live",
      drift: false,
      fields: [{ from: 512, live: 4096, to: 100 }],
    });
    expect(change?.fields[0]).not.toHaveProperty("reason");
  });

  it("toward the wanted value needs only a new record", () => {
    const change = changeOf(instance(limited(512), { drift: drift(100) }), limited(100));
    expect(change).toMatchObject({ action: "record", fields: [{ live: 100, to: 100, impact: "record" }] });
  });
});

describe("secrets", () => {
  const secrets = { TOKEN: { kind: "env" as const, variable: "TOKEN" } };
  const old = instance(web({ secrets }), { record: { secretHashes: { TOKEN: "one" } } });
  const hashes = (hash: string) => ({ secretHashes: new Map([["web", { TOKEN: hash }]]) });

  it("with a new value restart, and no value is in the plan", () => {
    expect(changeOf(old, web({ secrets }), hashes("two"))).toMatchObject({
      action: "restart",
      fields: [
        { path: "secrets.TOKEN", from: secrets.TOKEN, to: secrets.TOKEN, reason: "its value changed" },
      ],
    });
  });

  it("with the same value, or one that cannot be read now, change nothing", () => {
    expect(changeOf(old, web({ secrets }), hashes("one"))).toBeNull();
    expect(changeOf(old, web({ secrets }))).toBeNull();
  });
});

describe("what is new, gone, inactive or broken", () => {
  const leftover = (changes: Partial<Leftover> = {}): Leftover => ({
    name: "web",
    reason: "its record is half-written",
    removable: true,
    containerId: null,
    ...changes,
  });

  it("is created, destroyed and left alone", () => {
    const old = [instance(environment("asleep")), instance(environment("old"))];
    const { changes } = between(old, desired([web()], { inactive: ["asleep"] }));
    expect(changes.map(({ environment: name, action }) => `${action} ${name}`)).toEqual([
      "destroy old",
      "create web",
    ]);
  });

  it("is limited to the asked names", () => {
    const { changes } = between([instance(environment("old"))], desired([web(), environment("db")]), {
      names: ["db"],
    });
    expect(changes.map(({ environment: name }) => name)).toEqual(["db"]);
  });

  it("begins anew over a leftover that holds nothing", () => {
    const { changes, problems } = between([], desired([web()]), { leftovers: [leftover()] });
    expect(changes).toMatchObject([{ action: "create", reason: "its record is half-written" }]);
    expect(problems).toEqual([]);
  });

  it("refuses to touch a leftover that may hold data", () => {
    const { changes, problems } = between([], desired([web()]), {
      leftovers: [leftover({ removable: false })],
    });
    expect(changes).toEqual([]);
    expect(problems).toMatchObject([{ code: "record-unusable", place: { line: 1 } }]);
  });

  it("clears away a stray that nobody wants, unless it may hold data", () => {
    const stray = leftover({ name: "stray", containerId: `${project.id}-stray` });
    expect(between([], desired([]), { leftovers: [stray] }).changes).toMatchObject([{ action: "destroy" }]);
    expect(between([], desired([]), { leftovers: [{ ...stray, removable: false }] }).changes).toEqual([]);
  });
});

describe("interrupted work", () => {
  it.each([
    ["create", "create"],
    ["restart", "restart"],
    ["recreate", "restart"],
    ["tidy", "record"],
    ["destroy", "recreate"],
  ] as const)("%s is repaired by %s", (action, repair) => {
    const record = { pending: { action, fields: [] } };
    expect(changeOf(instance(web(), { record }), web())).toMatchObject({
      action: repair,
      reason: "an apply was interrupted",
    });
  });

  it("recreate goes on where the file still wants it", () => {
    const record = { pending: { action: "recreate" as const, fields: [] } };
    const wanted = web({ rootfs: { kind: "path", path: "/srv", mode: "overlay" } });
    expect(changeOf(instance(web(), { record }), wanted)).toMatchObject({ action: "recreate" });
  });

  it("names the step that the journal saw begin", () => {
    const record = { pending: { action: "restart" as const, fields: [] } };
    const interruptedAt = new Map([["web", "create"]]);
    expect(changeOf(instance(web(), { record }), web(), { interruptedAt })?.reason).toBe(
      "an apply was interrupted at its step `create`",
    );
  });

  it("live is set again, although the file is as it was recorded", () => {
    const record = { pending: { action: "live" as const, fields: ["hostname"] } };
    expect(changeOf(instance(web(), { record }), web())).toMatchObject({
      action: "live",
      fields: [{ path: "hostname", from: "web", to: "web", reason: "an apply was interrupted" }],
    });
  });
});
