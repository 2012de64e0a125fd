import { expect, it } from "vitest";
import { gaugesOf, type Look } from "../../../src/commands/top/gauge.ts";
import { plain } from "../../../src/ui/terminal.ts";
import { renderTop, sparkline } from "../../../src/ui/top.ts";

const usage = { cpu: 1e9, memory: 64 << 20, memoryLimit: 256 << 20, pids: 3, read: 0, written: 1000 };
const look = (at: number, cpu: number, written: number): Look => ({
  at,
  environments: new Map([
    ["api", { status: "running", usage: { ...usage, cpu, written } }],
    ["db", { status: "stopped", usage: null }],
  ]),
});

it("makes rates of two looks", () => {
  const [api, db] = gaugesOf(look(3000, 2.5e9, 5096), look(1000, 1e9, 1000));
  expect(api).toMatchObject({ cpu: 0.75, memory: 64 << 20, pids: 3, readRate: 0, writeRate: 2048 });
  expect(db).toMatchObject({ status: "stopped", cpu: null, memory: null });
});

it("has no rate from one look, nor when a count began anew", () => {
  expect(gaugesOf(look(1000, 1e9, 0), null)[0]?.cpu).toBe(null);
  expect(gaugesOf(look(2000, 1e6, 0), look(1000, 1e9, 0))[0]?.cpu).toBe(null);
});

it("draws a table, with histories once there are some", () => {
  const gauges = gaugesOf(look(3000, 2.5e9, 5096), look(1000, 1e9, 1000));
  expect(renderTop(gauges, new Map(), plain)).toMatch(
    /^NAME +STATUS +CPU +MEMORY +PIDS[\s\S]*api +running +75% +64 MiB \/ 256 MiB/,
  );
  const histories = new Map(gauges.map((gauge) => [gauge.name, [gauge, gauge]]));
  expect(renderTop(gauges, histories, plain)).toContain("▇▇");
  expect(sparkline([0, null, 1], 1)).toBe("▁ █".padStart(12));
});
