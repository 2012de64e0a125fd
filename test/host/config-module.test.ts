import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { importConfigModule } from "../../src/host/config-module.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pavlos-module-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

const write = (name: string, text: string): string => {
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

describe("importConfigModule", () => {
  test("evaluates TypeScript and finds the package pavlos without an installation", async () => {
    const path = write(
      "a.ts",
      'import { defineConfig } from "pavlos";\nexport default defineConfig({ project: "p" as string });\n',
    );
    const { outcome } = await importConfigModule(path);
    expect(outcome).toMatchObject({ kind: "exports", exports: { default: { project: "p" } } });
  });
  test("takes what is on disk now, of imported files too, and names them all", () => {
    write("inner.ts", "export const x: number = 1;\n");
    const path = write("a.ts", 'import { x } from "./inner.ts";\nexport default { x };\n');
    // In a process of its own: vitest has an import() of its own that remembers modules.
    const script = `
      import { writeFileSync } from "node:fs";
      import { importConfigModule } from ${JSON.stringify(new URL("../../src/host/config-module.ts", import.meta.url))};
      const first = await importConfigModule(${JSON.stringify(path)});
      writeFileSync(${JSON.stringify(join(directory, "inner.ts"))}, "export const x: number = 2;");
      console.log(JSON.stringify([first, await importConfigModule(${JSON.stringify(path)})]));`;
    const output = execFileSync(process.execPath, ["--input-type=module", "-e", script], {
      encoding: "utf8",
    });
    const files = [path, join(directory, "inner.ts")];
    expect(JSON.parse(output)).toEqual([
      { outcome: { kind: "exports", exports: { default: { x: 1 } } }, files },
      { outcome: { kind: "exports", exports: { default: { x: 2 } } }, files },
    ]);
  });

  test("is a module even where package.json says commonjs", async () => {
    write("package.json", '{"type": "commonjs"}');
    const path = write("a.ts", "export default { y: 1 as number };\n");
    expect((await importConfigModule(path)).outcome).toMatchObject({ exports: { default: { y: 1 } } });
  });
  test("hands over what the module throws", async () => {
    const path = write("a.ts", 'throw new Error("no");\n');
    expect((await importConfigModule(path)).outcome).toMatchObject({
      kind: "thrown",
      error: new Error("no"),
    });
  });
});
