import { expect, it } from "vitest";
import type { Action, Change, FieldChange, Plan } from "../../src/model/plan.ts";
import { renderPlan } from "../../src/ui/plan.ts";
import { plain, type Style } from "../../src/ui/terminal.ts";

const now = new Date(2026, 10, 23, 18, 0);

it("lines up what changes, where it is written and what it costs", () => {
  const text = render([
    change("api", "live", [
      field("resources.memory", 268435456, 536870912, 7),
      {
        ...field("mounts", [], [{ type: "bind", source: "./data", target: "/data", readonly: true }], 10),
      },
    ]),
    change("train", "restart", [{ ...field("command[1]", "train.py", "train2.py", 4), impact: "restart" }]),
    {
      ...change("web", "live", [
        { ...field("resources.pids", 512, 512, 9), live: 4096, reason: "changed outside Pavlos" },
      ]),
      drift: true,
    },
    {
      ...change("tools", "recreate", [{ ...field("rootfs.path", "/a", "/b", 2), impact: "recreate" }]),
      dataLost: { bytes: 14 * 1024 ** 2, since: new Date(2026, 10, 23, 9, 12).toISOString() },
    },
  ]);
  expect(`\n${text}\n`).toBe(`
~ api        live
    resources.memory   256MiB -> 512MiB            environments/api.yaml:7:11
    mounts             + ./data:/data (read-only)  environments/api.yaml:10:11
↻ train      restart
    command[1]         "train.py" -> "train2.py"   environments/train.yaml:4:11   # forces restart
~ web        live (drift)
    resources.pids     live 4096, wanted 512       environments/web.yaml:9:11     # changed outside Pavlos
-/+ tools    recreate
    rootfs.path        /a -> /b                    environments/tools.yaml:2:11   # forces recreate
    ! 14 MiB written in its root since 09:12 are lost (pavlos diff --files tools)
Plan: 0 to create, 2 live, 1 to restart, 1 to recreate, 0 to destroy.
`);
});

it("says why, when no field does", () => {
  expect(render([{ ...change("api", "restart", []), reason: "killed", drift: true }])).toContain(
    "↻ api    restart (drift)   # killed",
  );
});

it("gives each item of a list its own line", () => {
  const text = render([
    change("api", "live", [field("mounts", [tmpfs("/a"), tmpfs("/b")], [tmpfs("/b"), tmpfs("/c")], 3)]),
  ]);
  expect(text).toContain("    mounts   - tmpfs:/a  environments/api.yaml:3:11\n             + tmpfs:/c");
});

it("counts what only the record notes", () => {
  expect(render([change("api", "record", [field("labels.team", undefined, "a", 2)])])).toContain(
    `· api    note\n    labels.team   + "a"  environments/api.yaml:2:11\nPlan: 0 to create, 0 live, 0 to restart, 0 to recreate, 0 to destroy, 1 to note.`,
  );
});

it("cuts a long value in the middle and keeps it on one line", () => {
  const text = render([
    change("api", "restart", [field("env.LONG", "a", `${"x".repeat(200)}\nat the end`, 2)]),
  ]);
  expect(text.split("\n")).toHaveLength(3);
  expect(text).toContain("…");
  expect(text).toContain("at the end");
});

it("shows since when data was written with the date, when that was another day", () => {
  const lost = { bytes: 1, since: new Date(2026, 9, 1, 7, 5).toISOString() };
  expect(render([{ ...change("a", "destroy", []), dataLost: lost }])).toContain(
    "since 2026-10-01 07:05 are lost",
  );
});

it("colours the same text that it prints without colours", () => {
  const marked: Style = (format, text) => `<${[format].flat().join("+")}>${text}</>`;
  const plan = planOf([change("api", "create", [field("resources.memory", undefined, 1024, 7)])]);
  const coloured = renderPlan(plan, { style: marked, base: "/p", now });
  expect(coloured).toContain("<green+bold>");
  expect(coloured.replaceAll(/<[^>]*>/g, "")).toBe(renderPlan(plan, { style: plain, base: "/p", now }));
});

const tmpfs = (target: string) => ({ type: "tmpfs", target, readonly: false, size: null });

const render = (changes: readonly Change[]) => renderPlan(planOf(changes), { style: plain, base: "/p", now });

function planOf(changes: readonly Change[]): Plan {
  const summary: Record<Action, number> = {
    create: 0,
    record: 0,
    live: 0,
    restart: 0,
    recreate: 0,
    stop: 0,
    destroy: 0,
  };
  for (const { action } of changes) summary[action] += 1;
  return { changes, order: [], operations: new Map(), summary };
}

function change(environment: string, action: Action, fields: readonly FieldChange[]): Change {
  const named = fields.map((item) => ({
    ...item,
    source: item.source && { ...item.source, file: `/p/environments/${environment}.yaml` },
  }));
  return { environment, action, drift: false, fields: named, dataLost: null };
}

const field = (path: string, from: unknown, to: unknown, line: number): FieldChange => ({
  path,
  from,
  to,
  impact: "live",
  source: { file: "", line, column: 11 },
});
