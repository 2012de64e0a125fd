import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Step } from "../../../../src/model/build.ts";
import { describeStep, planSteps, type StepState } from "../../../../src/providers/rootfs/build/plan.ts";

const start: StepState = { env: {}, workdir: null, user: null };
const run = (text: string, more: Partial<Extract<Step, { kind: "run" }>> = {}): Step => ({
  kind: "run",
  command: ["/bin/sh", "-c", text],
  caches: [],
  secrets: {},
  ...more,
});
const copy = (from: string): Step => ({
  kind: "copy",
  from,
  to: "/app",
  mode: null,
  owner: null,
  ignore: [],
});

function keys(steps: readonly Step[], contents: ReadonlyMap<number, string> = new Map(), baseKey = "base") {
  const plan = planSteps(steps, { baseKey, baseState: start, platform: "x64", contents });
  return plan.steps.map(({ key }) => key);
}

const texts = fc.string({ minLength: 1, maxLength: 8 });
const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    texts.map((text) => run(text)),
    fc.dictionary(texts, texts, { maxKeys: 3 }).map((env): Step => ({ kind: "env", env })),
    fc
      .uniqueArray(texts, { minLength: 1, maxLength: 4 })
      .map((packages): Step => ({ kind: "packages", packages })),
    texts.map((user): Step => ({ kind: "user", user })),
    texts.map((path): Step => ({ kind: "workdir", path: `/${path}` })),
  ),
  { maxLength: 8 },
);

describe("the keys of steps", () => {
  it("are equal for equal steps, in whatever order sets and maps were written", () => {
    const shuffled = (step: Step): Step => {
      if (step.kind === "packages") return { ...step, packages: step.packages.toReversed() };
      if (step.kind === "env")
        return { ...step, env: Object.fromEntries(Object.entries(step.env).toReversed()) };
      return { ...step };
    };
    fc.assert(fc.property(steps, (some) => void expect(keys(some.map(shuffled))).toEqual(keys(some))));
  });

  it("change from the first step on that is another, and not before it", () => {
    const changed = fc.tuple(steps, fc.nat(), texts).filter(([some]) => some.length > 0);
    fc.assert(
      fc.property(changed, ([some, at, text]) => {
        const index = at % some.length;
        const other = some.with(index, run(`another ${text} than any above`));
        const [before, after] = [keys(some), keys(other)];
        expect(after.slice(0, index)).toEqual(before.slice(0, index));
        for (const [place, key] of after.slice(index).entries()) expect(key).not.toBe(before[index + place]);
      }),
    );
  });

  it("name what is copied by its content, not by where it lies", () => {
    const of = (content: string, from: string) => keys([copy(from)], new Map([[0, content]]));
    expect(of("same", "/a")).toEqual(of("same", "/b"));
    expect(of("same", "/a")).not.toEqual(of("other", "/a"));
  });

  it("know of a secret its name and version alone", () => {
    const secret = (variable: string, version: string | null) =>
      keys([run("use it", { secrets: { token: { source: { kind: "env", variable }, version } } })]);
    expect(secret("ONE", null)).toEqual(secret("TWO", null));
    expect(secret("ONE", null)).not.toEqual(secret("ONE", "2"));
  });

  it("depend on the root below and on the machine's architecture", () => {
    expect(keys([run("make")], new Map(), "other")).not.toEqual(keys([run("make")]));
    const arm = planSteps([run("make")], {
      baseKey: "base",
      baseState: start,
      platform: "arm64",
      contents: new Map(),
    });
    expect([arm.key]).not.toEqual(keys([run("make")]));
  });
});

describe("a plan of steps", () => {
  it("carries variables, directory and user on to the steps behind, and only some steps are layers", () => {
    const plan = planSteps(
      [
        { kind: "env", env: { A: "1" } },
        { kind: "user", user: "me" },
        run("one"),
        { kind: "env", env: { A: "2" } },
        { kind: "workdir", path: "/srv" },
      ],
      {
        baseKey: "base",
        baseState: { ...start, env: { PATH: "/bin" } },
        platform: "x64",
        contents: new Map(),
      },
    );
    expect(plan.steps.map(({ layer }) => layer)).toEqual([false, false, true, false, false]);
    expect(plan.steps[2]?.state).toEqual({ env: { PATH: "/bin", A: "1" }, user: "me", workdir: null });
    expect(plan.state).toEqual({ env: { PATH: "/bin", A: "2" }, user: "me", workdir: "/srv" });
  });

  it("tells of a step in a few words", () => {
    expect(describeStep(run("make -j4"))).toBe("run make -j4");
    expect(describeStep(run("one\ntwo"))).toBe("run one...");
    expect(describeStep(copy("/src"))).toBe("copy /src to /app");
  });
});
