import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { literalEntries } from "../../src/config/literal.ts";
import type { Desired } from "../../src/model/project.ts";
import { machine } from "./support.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "pavlos-config-"));
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Told extends Pick<Desired, "project" | "environments" | "inactive" | "files"> {
  readonly directories: readonly string[];
  readonly places: Readonly<
    Record<string, Readonly<Record<string, { readonly line: number; readonly column: number }>>>
  >;
}

/** Loads a project in a process of its own: vitest has an import() of its own. */
function load(files: Readonly<Record<string, string>>, named: readonly string[] = []): Told {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  const url = (path: string) => JSON.stringify(new URL(`../../src/${path}`, import.meta.url));
  const script = `
    import { loadTracked } from ${url("config/load.ts")};
    import { realConfigReader as reader } from ${url("host/real-config-reader.ts")};
    const options = ${JSON.stringify({ cwd: directory, files: named, host: machine, env: {} })};
    const { result, directories } = await loadTracked({ ...options, reader });
    if (!result.ok) throw new Error(JSON.stringify(result.failure));
    const places = Object.fromEntries([...result.value.places].map(([name, all]) => [name, Object.fromEntries(all)]));
    console.log(JSON.stringify({ ...result.value, places, directories }));`;
  return JSON.parse(
    execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" }),
  );
}

describe("pavlos.config.ts", () => {
  test("is a plain object; the YAML files it includes belong to it", () => {
    const told = load({
      "pavlos.config.ts":
        'export default { project: "shop", include: ["envs/**/*.yaml"], environments: { api: {} } };\n',
      "envs/deep/web.yaml": "rootfs: host\n",
      "envs/_base.yaml": "rootfs: host\n",
      "environments/other.yaml": "rootfs: host\n",
    });
    expect(told.project).toMatchObject({ name: "shop" });
    expect(told.environments.map(({ name }) => name)).toEqual(["api", "web"]);
    expect(told.directories).toEqual(
      ["environments", "envs", "envs/deep"].map((name) => join(directory, name)),
    );
  });

  test("is a function of facts about the machine, or an async one", () => {
    const environment = "{ environments: { api: { resources: { cpus: host.cpus / 2 } } } }";
    const plain = load({ "pavlos.config.ts": `export default (host) => (${environment});\n` });
    expect(plain.environments[0]?.resources.cpus).toBe(4);
    const typed = [
      'import { defineConfig, type HostFacts } from "pavlos";',
      `export default defineConfig(async (host: HostFacts) => (${environment}));`,
    ].join("\n");
    expect(load({ "pavlos.config.ts": typed }).environments[0]?.resources.cpus).toBe(4);
  });

  test("has a place for each value that was written as a literal, and its imports are followed", () => {
    const text = [
      'import { common } from "./common.ts";',
      "export default {",
      "  environments: {",
      "    api: {",
      "      ...common,",
      '      // a comment with "quotes" and { brackets',
      '      command: ["serve", `--port`, "80"],',
      '      "env": { A: "b", "C": "d" },',
      "    },",
      "  },",
      "};",
    ].join("\n");
    const told = load({
      "pavlos.config.ts": text,
      "common.ts": "export const common = { tty: true as boolean };\n",
    });
    expect(told.environments[0]).toMatchObject({
      tty: true,
      command: ["serve", "--port", "80"],
      env: { A: "b", C: "d" },
    });
    const { api } = told.places;
    expect(api?.["command[1]"]).toMatchObject({ line: 7, column: 26 });
    expect(api?.["env.C"]).toMatchObject({ line: 8, column: 29 });
    expect(api?.tty).toMatchObject({ line: 4, column: 10 });
    expect(told.files).toEqual([join(directory, "pavlos.config.ts"), join(directory, "common.ts")]);
  });

  test("gives its project's name also when -f names a file of the project", () => {
    const files = {
      "pavlos.config.ts":
        'export default { project: "shop", environments: { api: { env: { X: "${NOT_SET}" } } } };\n',
      "environments/web.yaml": "rootfs: host\n",
      "environments/db.yaml": "rootfs: host\n",
    };
    const told = load(files, ["environments/web.yaml"]);
    expect(told.project).toMatchObject({ name: "shop", root: directory });
    expect(told.environments.map(({ name }) => name)).toEqual(["web"]);
    expect(told.inactive).toEqual(["api", "db"]);
  });
});

describe("literalEntries", () => {
  const keys = (text: string) =>
    literalEntries(text, 0).map(({ key, valueStart, valueEnd }) => [key, text.slice(valueStart, valueEnd)]);

  test("finds the elements of an object, through strings, comments and nesting", () => {
    const text = `{ a: 1, "b": [1, {c: 2}], /* d: 3, */ 'e': f(1, 2), // g: 4,\n h: "x, }", ...i, j, k: \`,\` }`;
    expect(keys(text)).toEqual([
      ["a", "1"],
      ["b", "[1, {c: 2}]"],
      ["e", "f(1, 2)"],
      ["h", '"x, }"'],
      ["j", "j"],
      ["k", "`,`"],
    ]);
  });

  test("finds the elements of a list", () => {
    expect(keys('[1, "a, b", [2, 3],\n]')).toEqual([
      [null, "1"],
      [null, '"a, b"'],
      [null, "[2, 3]"],
    ]);
  });

  test("comes to an end on anything", () => {
    for (const text of ["{", "[", "{a", "{a:", '{a: "', "{/*", "{//", "{]", "[}", "{a:[}", "x", ""]) {
      expect(Array.isArray(literalEntries(text, 0))).toBe(true);
    }
  });
});
