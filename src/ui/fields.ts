import type { FieldChange } from "../model/plan.ts";
import { formatValue } from "./values.ts";

/** One line below an environment in a plan. */
export interface FieldRow {
  readonly path: string;
  readonly value: string;
}

/** A list that gained or lost items takes a line for each of them; everything else one line. */
export function fieldRows(field: FieldChange): readonly FieldRow[] {
  const path = field.path;
  if ("live" in field && field.live !== undefined) {
    return [{ path, value: `live ${short(path, field.live)}, wanted ${short(path, field.to)}` }];
  }
  if (isItems(field.from) && isItems(field.to) && path !== "command") {
    const rows = itemRows(path, field.from ?? [], field.to ?? []);
    if (rows.length > 0) return rows;
  }
  if (field.from === undefined) return [{ path, value: `+ ${short(path, field.to)}` }];
  if (field.to === undefined) return [{ path, value: `- ${short(path, field.from)}` }];
  return [{ path, value: `${short(path, field.from)} -> ${short(path, field.to)}` }];
}

const isItems = (value: unknown): value is readonly unknown[] | undefined =>
  value === undefined || Array.isArray(value);

function itemRows(path: string, from: readonly unknown[], to: readonly unknown[]): readonly FieldRow[] {
  const texts = (list: readonly unknown[]) => list.map((item, index) => short(`${path}[${index}]`, item));
  const [before, after] = [texts(from), texts(to)];
  const gone = before.filter((item) => !after.includes(item)).map((item) => `- ${item}`);
  const come = after.filter((item) => !before.includes(item)).map((item) => `+ ${item}`);
  return [...gone, ...come].map((value, index) => ({ path: index === 0 ? path : "", value }));
}

/** Long values are cut in the middle; --json has them whole. */
function short(path: string, value: unknown): string {
  const text = formatValue(path, value).replaceAll("\n", "\\n");
  return text.length <= longest ? text : `${text.slice(0, longest - 13)}…${text.slice(-12)}`;
}

const longest = 44;
