import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadProject } from "../../src/config/load.ts";
import { realConfigReader } from "../../src/host/real-config-reader.ts";
import { machine } from "./support.ts";

// Each folder is a project and the desired state that it means; UPDATE=1 writes that anew.

const folder = new URL("../fixtures/valid", import.meta.url).pathname;

describe("a valid project", () => {
  test.each(readdirSync(folder).sort())("%s means what it should", async (name) => {
    const directory = join(folder, name);
    const file = join(directory, "options.json");
    const options = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
    const loaded = await loadProject({
      cwd: directory,
      host: machine,
      env: {},
      reader: realConfigReader,
      ...options,
    });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure, null, 2));
    const shown = `${JSON.stringify(loaded.value.environments, null, 2).replaceAll(directory, "<project>")}\n`;
    const expected = join(directory, "expected.json");
    if (process.env.UPDATE) writeFileSync(expected, shown);
    expect(shown).toBe(readFileSync(expected, "utf8"));
  });
});
