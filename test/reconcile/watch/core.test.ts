import { describe, expect, it } from "vitest";
import { type Input, initial, type State, step } from "../../../src/reconcile/watch/core.ts";

/** Runs inputs, each with its time, and says what was to be done when. */
function run(inputs: readonly (readonly [number, Input["kind"] | "failed"])[]) {
  let state: State = initial.state;
  const work: string[] = [];
  let wakeAt: number | null = null;
  for (const [now, kind] of inputs) {
    const input: Input =
      kind === "finished" || kind === "failed" ? { kind: "finished", failed: kind === "failed" } : { kind };
    const next = step(state, input, now);
    state = next.state;
    wakeAt = next.wakeAt;
    if (next.work !== null) work.push(`${next.work} at ${now}`);
  }
  return { work, wakeAt };
}

describe("when watch looks", () => {
  it("begins by loading", () => expect(initial.work).toBe("load"));

  it("waits for a pause in the writing of files", () => {
    expect(
      run([
        [0, "finished"],
        [100, "file"],
        [120, "file"],
      ]),
    ).toEqual({ work: [], wakeAt: 150 });
    expect(
      run([
        [0, "finished"],
        [100, "file"],
        [120, "file"],
        [150, "tick"],
      ]).work,
    ).toEqual(["load at 150"]);
  });

  it("does not wait for ever when the writing never pauses", () => {
    const busy = Array.from({ length: 40 }, (_, index) => [100 + index * 20, "file"] as const);
    expect(run([[0, "finished"], ...busy]).work[0]).toBe("load at 400");
  });

  it("remembers what happens while it works", () => {
    expect(
      run([
        [10, "file"],
        [20, "ended"],
        [500, "finished"],
      ]).work,
    ).toEqual(["load at 500"]);
    expect(
      run([
        [10, "ended"],
        [500, "finished"],
      ]).work,
    ).toEqual(["look at 500"]);
  });

  it("looks at once when something ended, without reading the files", () => {
    expect(
      run([
        [0, "finished"],
        [100, "ended"],
      ]).work,
    ).toEqual(["look at 100"]);
  });

  it("tries again after a failure, less and less often", () => {
    expect(run([[0, "failed"]]).wakeAt).toBe(1000);
    expect(
      run([
        [0, "failed"],
        [1000, "tick"],
        [1500, "failed"],
      ]),
    ).toEqual({ work: ["look at 1000"], wakeAt: 3500 });
    const often = Array.from({ length: 30 }, (_, index) => [index, "failed"] as const);
    expect(run(often).wakeAt).toBe(29 + 60_000);
  });

  it("does not hurry while it waits out a failure, unless a file changes", () => {
    expect(
      run([
        [0, "failed"],
        [10, "ended"],
      ]),
    ).toEqual({ work: [], wakeAt: 1000 });
    expect(
      run([
        [0, "failed"],
        [10, "file"],
        [40, "tick"],
      ]).work,
    ).toEqual(["load at 40"]);
  });

  it("forgets earlier failures after a success", () => {
    expect(
      run([
        [0, "failed"],
        [1000, "tick"],
        [1001, "finished"],
        [2000, "ended"],
        [2001, "failed"],
      ]).wakeAt,
    ).toBe(3001);
  });
});
