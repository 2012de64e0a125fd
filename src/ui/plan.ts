import type { Action, Change, DataLost, FieldChange, Plan } from "../model/plan.ts";
import { type FieldRow, fieldRows } from "./fields.ts";
import { formatPlace } from "./places.ts";
import type { Style } from "./terminal.ts";
import { approximateBytes } from "./values.ts";

export interface PlanOptions {
  readonly style: Style;
  /** Directory that places are shown relative to. */
  readonly base: string;
  readonly now: Date;
}

/** The plan as a person reads it: one block for each environment, and a count line last. */
export const renderPlan = (plan: Plan, options: PlanOptions): string =>
  [...renderChanges(plan.changes, options), summaryLine(plan)].join("\n");

/** The lines of the blocks alone. */
export function renderChanges(changes: readonly Change[], options: PlanOptions): readonly string[] {
  const blocks = changes.map((change) => blockOf(change, options.base));
  const rows = blocks.flatMap((block) => block.rows);
  const widths: Widths = {
    head: widest(blocks.map((block) => block.head)) + 4,
    path: widest(rows.map((row) => row.path)) + 3,
    value: widest(rows.map((row) => row.value)) + 2,
    source: widest(rows.map((row) => row.source)) + 3,
  };
  return blocks.flatMap(({ change, head, rows: own }) => [
    headLine(change, head.padEnd(widths.head), options.style),
    ...own.map((row) => rowLine(row, widths, options.style)),
    ...(change.dataLost === null ? [] : [lossLine(change, change.dataLost, options)]),
  ]);
}

/** "Plan: 1 to create, 2 live, ..."; the rarer actions are counted when there are any. */
export function summaryLine(plan: Plan): string {
  const { create, live, restart, recreate, destroy, record, stop } = plan.summary;
  const counts = `${create} to create, ${live} live, ${restart} to restart, ${recreate} to recreate, ${destroy} to destroy`;
  return `Plan: ${counts}${stop > 0 ? `, ${stop} to stop` : ""}${record > 0 ? `, ${record} to note` : ""}.`;
}

/** How each action looks; the colours say how much it disturbs. */
export const symbols = {
  create: { text: "+", color: "green" },
  record: { text: "·", color: "gray" },
  live: { text: "~", color: "cyan" },
  restart: { text: "↻", color: "yellow" },
  recreate: { text: "-/+", color: "magenta" },
  stop: { text: "■", color: "yellow" },
  destroy: { text: "-", color: "red" },
} as const satisfies Record<Action, { text: string; color: string }>;

interface Widths {
  readonly head: number;
  readonly path: number;
  readonly value: number;
  readonly source: number;
}

interface Row extends FieldRow {
  readonly source: string;
  readonly reason: string;
}

function blockOf(change: Change, base: string) {
  const rows = change.fields.flatMap((field): readonly Row[] => {
    const source = field.source === null ? "" : formatPlace(field.source, base);
    return fieldRows(field).map((row) => ({ ...row, source, reason: reasonOf(field) }));
  });
  return { change, head: `${symbols[change.action].text} ${change.environment}`, rows };
}

const widest = (texts: readonly string[]): number =>
  texts.reduce((width, text) => Math.max(width, text.length), 0);

function headLine(change: Change, head: string, style: Style): string {
  const { color } = symbols[change.action];
  const action = change.action === "record" ? "note" : change.action;
  const reason = change.reason === undefined ? "" : style("gray", `   # ${change.reason}`);
  return `${style([color, "bold"], head)}${style(color, action)}${change.drift ? " (drift)" : ""}${reason}`;
}

function rowLine(row: Row, widths: Widths, style: Style): string {
  const { source, reason } = row;
  const value = source === "" && reason === "" ? row.value : row.value.padEnd(widths.value);
  const place = style("gray", reason === "" ? source : source.padEnd(widths.source));
  const note = reason === "" ? "" : style("yellow", `# ${reason}`);
  return `    ${row.path.padEnd(widths.path)}${value}${place}${note}`.trimEnd();
}

function reasonOf(field: FieldChange): string {
  if (field.reason !== undefined) return field.reason;
  return field.impact === "restart" || field.impact === "recreate" ? `forces ${field.impact}` : "";
}

function lossLine(change: Change, lost: DataLost, { style, now }: PlanOptions): string {
  const { environment } = change;
  const written = `${approximateBytes(lost.bytes)} written in its root since ${clock(new Date(lost.since), now)}`;
  const look = `(pavlos diff --files ${environment})`;
  return lost.snapshot === undefined
    ? style("red", `    ! ${written} are lost ${look}`)
    : style("yellow", `    ! ${written} go to the snapshot ${lost.snapshot} ${look}`);
}

/** The time of day, with the date where it was not today. */
function clock(when: Date, now: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const time = `${two(when.getHours())}:${two(when.getMinutes())}`;
  if (when.toDateString() === now.toDateString()) return time;
  return `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())} ${time}`;
}
