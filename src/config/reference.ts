import type * as z from "zod";
import type { ImpactTable } from "../model/impact.ts";
import { impactsOfSchema, unwrapped } from "./impacts.ts";
import { environmentSchema } from "./schema.ts";

interface Row {
  readonly path: string;
  readonly description: string;
}

/** The table of all fields for docs/environment.md, in Markdown. */
export function fieldReference(): string {
  const impacts = impactsOfSchema();
  const rows = [...rowsOf(environmentSchema(), "")].map(
    ({ path, description }) => `| \`${path}\` | ${escaped(description)} | ${impactOf(impacts, path)} |`,
  );
  return ["| field | meaning | a change costs |", "|---|---|---|", ...rows].join("\n");
}

/** Each field that a person can write, sections before what is in them. */
function* rowsOf(schema: z.ZodType, prefix: string): Generator<Row> {
  const type = unwrapped(schema);
  if (type.def.type === "array") return yield* rowsOf((type as z.ZodArray<z.ZodType>).element, `${prefix}[]`);
  if (type.def.type === "record") {
    return yield* rowsOf((type as z.ZodRecord<z.ZodString, z.ZodType>).valueType, `${prefix}.*`);
  }
  if (type.def.type === "union") {
    for (const option of (type as z.ZodUnion<z.ZodType[]>).options) yield* rowsOf(option, prefix);
    return;
  }
  if (type.def.type !== "object") return;
  for (const [name, inner] of Object.entries((type as z.ZodObject).shape as Record<string, z.ZodType>)) {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const description = inner.meta()?.description;
    if (description) yield { path, description };
    yield* rowsOf(inner, path);
  }
}

function impactOf(impacts: ImpactTable, path: string): string {
  for (let at = path; at !== ""; at = at.slice(0, Math.max(0, at.lastIndexOf(".")))) {
    const impact = impacts[at.replaceAll("[]", "")];
    if (impact) return impact;
  }
  return "-";
}

const escaped = (text: string): string => text.replaceAll("|", "\\|");
