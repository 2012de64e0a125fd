import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { environmentSchema } from "../../src/config/schema.ts";
import { load } from "./support.ts";

// Whatever stands in a file: the answer is a desired state or problems with places in the files.

async function expectAnswer(text: string): Promise<void> {
  const loaded = await load({ "environments/it.yaml": text, "environments/_base.yaml": "tty: true\n" });
  if (loaded.ok) return;
  expect(loaded.failure.length).toBeGreaterThan(0);
  for (const problem of loaded.failure) {
    expect(problem.message, text).toMatch(/^[^\n]+$/);
    if (problem.place === null) continue;
    const { line, column } = problem.place;
    expect(line, text).toBeLessThanOrEqual(text.split("\n").length);
    expect(column, text).toBeGreaterThan(0);
  }
}

const field = fc.constantFrom(
  ...Object.keys(environmentSchema().shape),
  "memory",
  "path",
  "archive",
  "env",
  "source",
  "target",
);
const scalar = fc.oneof(
  fc.constantFrom(
    "host",
    "./x",
    "/",
    "~",
    "true",
    "1",
    "-1",
    "1GiB",
    "10s",
    "${A}",
    "${A:-1}",
    "${",
    "a:/b",
    "_base.yaml",
    "it.yaml",
  ),
  fc.constantFrom(
    "null",
    "[]",
    "{}",
    "*a",
    "&a 1",
    "!x 1",
    "|",
    ">",
    '"',
    "'",
    "- a",
    "a: b",
    "@",
    "%",
    "0x10",
    ".inf",
    ".nan",
  ),
  fc.string({ maxLength: 8 }),
);

describe("loadProject", () => {
  test("answers any text", async () => {
    const text = fc.oneof(fc.string({ unit: "binary", maxLength: 60 }), fc.string({ maxLength: 60 }));
    await fc.assert(fc.asyncProperty(text, expectAnswer), { numRuns: 500 });
  });

  test("answers fields with any values", async () => {
    const line = fc
      .tuple(fc.constantFrom("", "  ", "    ", "\t", "- ", "  - "), field, scalar)
      .map(([indent, name, value]) => `${indent}${name}: ${value}`);
    const text = fc.array(line, { maxLength: 8 }).map((lines) => `${lines.join("\n")}\n`);
    await fc.assert(fc.asyncProperty(text, expectAnswer), { numRuns: 1000 });
  });

  test("answers values of any type in every field", async () => {
    const value = fc.jsonValue({ maxDepth: 3 });
    const text = fc
      .dictionary(field, value, { maxKeys: 6 })
      .map((environment) => JSON.stringify(environment));
    await fc.assert(fc.asyncProperty(text, expectAnswer), { numRuns: 1000 });
  });

  test.each([
    ["lists", "[".repeat(20_000)],
    ["maps", "{a: ".repeat(20_000)],
    ["lines", Array.from({ length: 3000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n")],
    [
      "aliases",
      `a: &a [${"x,".repeat(50)}]\n${Array.from({ length: 9 }, (_, i) => `${"bcdefghij"[i]}: &${"bcdefghij"[i]} [${`*${"abcdefghi"[i]},`.repeat(50)}]`).join("\n")}\n`,
    ],
  ])("refuses a bomb of %s quickly", async (_, text) => {
    const start = performance.now();
    await expectAnswer(text);
    expect(performance.now() - start).toBeLessThan(4000);
  });
});
