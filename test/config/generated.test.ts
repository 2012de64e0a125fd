import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { environmentFiles } from "../../scripts/generate-environment.ts";
import { impactTable } from "../../src/config/impacts.gen.ts";
import { environmentJsonSchema } from "../../src/config/json-schema.ts";
import { environmentSchema } from "../../src/config/schema.ts";
import { impacts } from "../../src/model/impact.ts";
import { environmentOf } from "./support.ts";

const root = new URL("../..", import.meta.url).pathname;

describe("what is generated from the schema", () => {
  test("is committed as it is generated now", async () => {
    for (const [path, text] of Object.entries(await environmentFiles())) {
      expect(readFileSync(root + path, "utf8"), `${path}: run npm run generate`).toBe(text);
    }
  });

  test("has one sentence and an impact for every field", () => {
    for (const [name, type] of Object.entries(environmentSchema().shape)) {
      expect(type.meta()?.description, name).toMatch(/^.{10,}\.$/);
      const { impact } = type.meta() ?? {};
      if (name !== "extends" && name !== "envFile") expect(impacts, name).toContain(impact);
    }
  });

  test("knows the impact of every field of the canonical environment", async () => {
    for (const field of Object.keys(await environmentOf("rootfs: host"))) {
      expect(impactTable, field).toHaveProperty(field);
    }
    expect(impactTable).toMatchObject({
      rootfs: "recreate",
      command: "restart",
      "resources.memory": "live",
      "resources.ulimits": "restart",
      labels: "record",
    });
  });

  test("lets an editor accept variables wherever one value stands", () => {
    const properties = environmentJsonSchema().properties as Record<string, Record<string, unknown>>;
    expect(properties.readonly).toMatchObject({ type: ["boolean", "string"], pattern: "\\$\\{" });
    expect(properties.network).toMatchObject({
      anyOf: [{ anyOf: [{ enum: ["host", "none"] }, { type: "string" }] }, { type: "object" }],
    });
    expect(properties.name?.pattern).toMatch(/\|\\\$\\\{$/);
    expect(JSON.stringify(properties)).not.toContain('"impact"');
  });
});
