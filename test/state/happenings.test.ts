import { expect, it } from "vitest";
import { inOrder, parseEvents, parseJournal } from "../../src/state/happenings.ts";
import { renderHappening } from "../../src/ui/happenings.ts";
import { plain } from "../../src/ui/terminal.ts";

const exited =
  '{"time":"2026-11-23T10:00:02Z","environment":"api","container":"p-api","kind":"exited","exitCode":1}';
const started =
  '{"time":"2026-11-23T10:00:01Z","environment":"api","container":"p-api","kind":"started","pid":7}';

it("reads what supervisors wrote, whole lines only", () => {
  const events = parseEvents(`${started}\nnot an event\n${exited}\n{"time":"2026`);
  expect(events).toEqual([
    {
      time: "2026-11-23T10:00:01Z",
      environment: "api",
      by: "supervisor",
      kind: "started",
      facts: { pid: 7 },
    },
    {
      time: "2026-11-23T10:00:02Z",
      environment: "api",
      by: "supervisor",
      kind: "exited",
      facts: { exitCode: 1 },
    },
  ]);
  expect(renderHappening(events[1] ?? inOrder([])[0] ?? (undefined as never), plain)).toMatch(
    /api {2}exited {2}code 1$/,
  );
});

it("tells of an apply what failed and what nobody finished", () => {
  const line = (state: string, operation: string, more = "") =>
    `{"at":"2026-11-23T10:00:00Z","environment":"api","operation":"${operation}","state":"${state}"${more}}`;
  const text = [
    line("begin", "stop"),
    line("done", "stop"),
    line("begin", "create"),
    line("failed", "create", ',"failure":"no room"'),
    line("begin", "start"),
  ];
  expect(parseJournal(text.join("\n"))).toMatchObject([
    { kind: "create failed", by: "apply", facts: { output: "no room" } },
    { kind: "start began" },
  ]);
});

it("puts them in order", () => {
  const [first, second] = parseEvents(`${exited}\n${started}`);
  if (first === undefined || second === undefined) throw new Error("two events were expected");
  expect(inOrder([first, second])).toEqual([second, first]);
});
