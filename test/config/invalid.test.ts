import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { explainCase } from "./explain-case.ts";

// Each folder is a project with something wrong in it, and what the user then reads. With UPDATE=1 the
// expected texts are written anew: read them before you commit them.

const folder = new URL("../fixtures/invalid", import.meta.url).pathname;
const cases = readdirSync(folder).sort();
const isTypescript = (name: string) => existsSync(join(folder, name, "pavlos.config.ts"));
const explained = new Map<string, string>();

// vitest compiles what is imported in its own way; pavlos.config.ts is to be loaded by Node.
beforeAll(() => {
  const names = cases.filter(isTypescript);
  const program = new URL("./explain-case.ts", import.meta.url).pathname;
  const directories = names.map((name) => join(folder, name));
  const texts: string[] = JSON.parse(
    execFileSync(process.execPath, [program, ...directories], { encoding: "utf8" }),
  );
  for (const [index, name] of names.entries()) explained.set(name, texts[index] ?? "");
});

describe("an invalid project", () => {
  test("comes in at least 40 kinds", () => expect(cases.length).toBeGreaterThanOrEqual(40));

  test.each(cases)("%s is explained", async (name) => {
    const shown = explained.get(name) ?? (await explainCase(join(folder, name)));
    const expected = join(folder, name, "expected.txt");
    if (process.env.UPDATE) writeFileSync(expected, shown);
    expect(shown).toBe(readFileSync(expected, "utf8"));
  });
});
