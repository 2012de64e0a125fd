import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { type CommandSpec, commands } from "../../src/commands/table.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

it("lists every command as it is, in order, and no other", () => {
  const listed = [...readme.matchAll(/^\| `(\w+[^`]*)` \| (.+) \|$/gm)].map(([, usage, summary]) => ({
    usage,
    summary,
  }));
  expect(listed).toEqual(
    commands.map(({ name, args, summary, ...spec }: CommandSpec) => ({
      usage: [name, args, spec.inner ? "[-- command...]" : ""].filter((part) => part !== "").join(" "),
      summary,
    })),
  );
});
