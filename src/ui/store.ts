import { renderTable } from "./table.ts";
import type { Style } from "./terminal.ts";
import { approximateBytes, formatAge } from "./values.ts";

/** An image of the store, as `pavlos images` shows it. */
export interface ImageRow {
  readonly reference: string;
  readonly digest: string;
  readonly platform: string;
  readonly layers: number;
  /** Bytes as fetched. */
  readonly size: number;
  readonly pulledAt: string;
  readonly complete: boolean;
  readonly usedBy: readonly string[];
}

export function renderImages(
  rows: readonly ImageRow[],
  { style, now }: { readonly style: Style; readonly now: Date },
): string {
  const lines = rows.map((row) => [
    row.reference,
    row.digest.replace(/^sha256:/, "").slice(0, 12),
    row.platform,
    String(row.layers),
    approximateBytes(row.size),
    formatAge(now.getTime() - Date.parse(row.pulledAt)),
    row.complete ? row.usedBy.join(", ") : style("yellow", "incomplete: pavlos images verify"),
  ]);
  return renderTable(["IMAGE", "DIGEST", "PLATFORM", "LAYERS", "SIZE", "PULLED", "USED BY"], lines, style);
}

interface Found {
  readonly layers: number;
  readonly entries: number;
  readonly bytes: number;
  readonly unlisted: readonly string[];
  readonly damages: readonly Damaged[];
}

interface Damaged {
  readonly kind: string;
  readonly name: string;
  readonly problems: readonly { readonly path: string; readonly problem: string }[];
  readonly count: number;
  readonly usedBy: readonly string[];
}

/** `kept`: what is still damaged after a repair. */
export function renderDamages(
  { layers, entries, bytes, unlisted, damages }: Found,
  { kept, repair }: { readonly kept: readonly Damaged[]; readonly repair: boolean },
  style: Style,
): string {
  const blocks = damages.flatMap((damage) => [
    `${style("red", "✖")} ${damage.kind} ${damage.name}${damage.usedBy.length > 0 ? ` (used by ${damage.usedBy.join(", ")})` : ""}`,
    ...damage.problems.slice(0, 10).map(({ path, problem }) => `    ${path}: ${problem}`),
    ...(damage.count > 10 ? [`    and ${damage.count - 10} more`] : []),
    ...(repair ? [kept.includes(damage) ? inUse : "    taken out: the next apply or pull fetches it"] : []),
  ]);
  const unknown =
    unlisted.length === 0 ? [] : [`${unlisted.length} layers have no list and could not be verified.`];
  const next = damages.length > 0 && !repair ? ["next: `pavlos images verify --repair`"] : [];
  const total = `${layers} layers, ${entries} entries, ${approximateBytes(bytes)}: ${damages.length === 0 ? "all as unpacked" : `${damages.length} damaged`}.`;
  return [...blocks, ...unknown, total, ...next].join("\n");
}

const inUse = "    a running environment stands on it: `pavlos stop` it, then repair again";

interface Swept {
  readonly kind: string;
  readonly name: string;
  readonly bytes: number;
}

export function renderSweep(
  { swept, kept }: { readonly swept: readonly Swept[]; readonly kept: number },
  mode: "remove" | "dry-run",
  style: Style,
): string {
  const lines = swept.map(
    ({ kind, name, bytes }) =>
      `${style("red", "-")} ${kind} ${name}${bytes > 0 ? `  ${approximateBytes(bytes)}` : ""}`,
  );
  const freed = approximateBytes(swept.reduce((sum, { bytes }) => sum + bytes, 0));
  const word = mode === "remove" ? "removed" : "would be removed";
  return [...lines, `${swept.length} ${word}, ${freed}; ${approximateBytes(kept)} of layers stay.`].join(
    "\n",
  );
}

interface UsageRow {
  readonly what: string;
  readonly count: number;
  readonly bytes: number;
  readonly reclaimable: number;
}

export function renderUsage(rows: readonly UsageRow[], style: Style): string {
  const lines = rows.map(({ what, count, bytes, reclaimable }) => [
    what,
    String(count),
    approximateBytes(bytes),
    reclaimable === 0 ? "" : approximateBytes(reclaimable),
  ]);
  return renderTable(["WHAT", "COUNT", "SIZE", "GC FREES"], lines, style);
}
