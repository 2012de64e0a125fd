import { describe, expect, it } from "vitest";
import { makeMeter, partLines } from "../../src/ui/rate.ts";

describe("speed and time left", () => {
  it("are told once there is something to judge by", () => {
    let time = 0;
    const meter = makeMeter(() => time);
    expect(meter.say(0, 100 << 20)).toBe("");
    time = 1000;
    expect(meter.say(10 << 20, 100 << 20)).toBe(", 10 MiB/s, 9s left");
    expect(meter.say(10 << 20, null)).toBe(", 10 MiB/s");
  });

  it("are of the last seconds, not of the whole", () => {
    let time = 0;
    const meter = makeMeter(() => time);
    for (; time < 60_000; time += 1000) meter.say(0, 1 << 30);
    meter.say(0, 1 << 30);
    time += 1000;
    expect(meter.say(6 << 20, 1 << 30)).toMatch(/^, 1\.2 MiB\/s/);
  });
});

it("the layers on their way are listed, and how many are there", () => {
  const part = (name: string, done: number) => ({ name, done, total: 1 << 20 });
  const event = { kind: "progress", environment: "x", what: "pulling", done: 0, total: 0 } as const;
  expect(partLines({ ...event, parts: [part("a", 1 << 19), part("b", 1 << 20), part("c", 0)] })).toEqual([
    "  a  512 KiB of 1 MiB",
    "  1 of 3 layers are there",
  ]);
  expect(partLines({ ...event, parts: [part("a", 0)] })).toEqual([]);
});
