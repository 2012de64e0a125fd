import * as z from "zod";
import type { Impact } from "../../model/impact.ts";
import { durationPattern } from "../durations.ts";
import { sizePattern } from "../sizes.ts";

// By default zod writes a function for each kind of map and compiles it: dearer than 500 files by its own hand.
z.config({ jitless: true });

// In every schema of the format `error` is what would have been right: the problem's `expected`.

/** An optional field: one sentence on it, and what a change of it costs (null: nothing by itself). */
export function field<T extends z.ZodType>(type: T, impact: Impact | null, description: string) {
  const optional = z.optional(type);
  // As `describe` and `meta` would, which make a copy of the type each.
  z.globalRegistry.add(optional, { description, impact });
  return optional;
}

/** A number or a boolean is taken as it was written: `[sleep, 5]`. */
export const text = z.union([z.string(), z.number(), z.boolean()], { error: "text" });

export const flag = z.boolean({ error: "true or false" });

export const whole = (minimum: number, maximum: number, expected: string) =>
  z
    .number({ error: expected })
    .check(
      z.int({ error: expected }),
      z.gte(minimum, { error: expected }),
      z.lte(maximum, { error: expected }),
    );

const expectedSize = "a size such as 512MiB, 4GiB or 2G";
const sizeText = z.string().regex(sizePattern, { error: expectedSize });
const bytes = whole(0, Number.MAX_SAFE_INTEGER, expectedSize);
export const size = z.union([sizeText, bytes], { error: expectedSize });

export const duration = z
  .string({ error: "a duration such as 500ms, 10s or 5m" })
  .regex(durationPattern, { error: "a duration such as 500ms, 10s or 5m" });

/** A text with something in it. */
export const path = (expected: string) => z.string({ error: expected }).min(1, { error: expected });

const expectedCommand = 'a list such as ["python3", "main.py"], or a text for /bin/sh';
/** `/bin/sh -c` runs a text, a list is run as it is. */
export const command = z.union([path(expectedCommand), z.array(text, { error: expectedCommand })], {
  error: expectedCommand,
});

const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, {
  error: "a variable's name: letters, digits and _",
});
export const variables = z.record(variable, text, { error: "a map of names to texts" });
export const byVariable = <T extends z.ZodType>(value: T) =>
  z.record(variable, value, { error: "a map of names" });

export const labels = z.record(z.string(), text, { error: "a map of names to texts" });

/** One text, or a list of them. */
export const oneOrMore = (expected: string) =>
  z.union([path(expected), z.array(path(expected), { error: expected })], { error: expected });
