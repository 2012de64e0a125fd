import type * as z from "zod";
import { type Impact, type ImpactTable, impacts } from "../model/impact.ts";
import { environmentSchema } from "./schema.ts";

/** What a change costs, by path, from the schema's metadata; impacts.gen.ts keeps it. */
export const impactsOfSchema = (): ImpactTable => Object.fromEntries(fieldsOf(environmentSchema(), ""));

function* fieldsOf(schema: z.ZodObject, prefix: string): Generator<readonly [string, Impact]> {
  for (const [name, type] of Object.entries(schema.shape as Record<string, z.ZodType>)) {
    const path = prefix + name;
    const impact = impacts.find((known) => known === type.meta()?.impact);
    if (impact) yield [path, impact];
    const inner = unwrapped(type);
    for (const object of objectsIn(inner)) yield* fieldsOf(object, `${path}.`);
  }
}

/** The maps that a value may be. */
function objectsIn(type: z.ZodType): readonly z.ZodObject[] {
  if (type.def.type === "object") return [type as z.ZodObject];
  if (type.def.type !== "union") return [];
  return (type as z.ZodUnion<z.ZodType[]>).options.flatMap((option) => objectsIn(unwrapped(option)));
}

/** The type below `optional` and `lazy`. */
export function unwrapped(type: z.ZodType): z.ZodType {
  if (type.def.type === "optional") return unwrapped((type as z.ZodOptional<z.ZodType>).unwrap());
  return type.def.type === "lazy" ? unwrapped((type as z.ZodLazy<z.ZodType>).unwrap()) : type;
}
