import { readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stringify } from "yaml";
import type { ImportResult } from "../../../src/config/import/compose.ts";
import { wholly } from "../../../src/config/import/fit.ts";
import { readImport } from "../../../src/config/import/read.ts";
import { environmentSchema } from "../../../src/config/schema.ts";
import { realConfigReader } from "../../../src/host/real-config-reader.ts";
import { renderImport } from "../../../src/ui/imports.ts";
import { plain } from "../../../src/ui/terminal.ts";

const fixtures = join(import.meta.dirname, "../../fixtures/import");
const cases = ["compose", "devcontainer"].flatMap((kind) =>
  readdirSync(join(fixtures, kind)).map((name) => {
    const root = join(fixtures, kind, name);
    const files = readdirSync(root, { recursive: true, encoding: "utf8" });
    const file = files.find((path) => /(compose\.ya?ml|devcontainer\.json)$/.test(path)) ?? "";
    return { title: `${kind} ${name}`, root, file: join(root, file) };
  }),
);

const read = (file: string, options: Parameters<typeof readImport>[1]): ImportResult => {
  const imported = readImport(file, options);
  if (!imported.ok) throw new Error(imported.failure.map(({ message }) => message).join("; "));
  return imported.value;
};

describe.each(cases)("$title", ({ root, file }) => {
  it("becomes environments, and each key is accounted for", async () => {
    const { environments, findings } = read(file, { root, reader: realConfigReader, shape: wholly });
    const texts = environments.map(
      ({ name, environment }) =>
        `--- ${name}\n${stringify(environment, { sortMapEntries: true, lineWidth: 100 })}`,
    );
    const report = renderImport(findings, plain, root);
    await expect(`${texts.join("\n")}\n${report}\n`).toMatchFileSnapshot(join(root, "expected.txt"));
  });

  it("is written so that this Pavlos reads it, and what it does not have is reported as lost", () => {
    const whole = read(file, { root, reader: realConfigReader, shape: wholly });
    const fitted = read(file, { root, reader: realConfigReader });
    for (const { environment } of fitted.environments) environmentSchema().parse(environment);
    expect(fitted.findings.map(({ path }) => path)).toEqual(whole.findings.map(({ path }) => path));
    for (const finding of fitted.findings.filter(({ outcome }) => outcome === "lost"))
      expect(finding.note).toBeTruthy();
  });
});

it("there are ten of each", () => {
  expect(cases.filter(({ title }) => title.startsWith("compose"))).toHaveLength(10);
  expect(cases.filter(({ title }) => title.startsWith("devcontainer"))).toHaveLength(10);
});
