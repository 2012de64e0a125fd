import type { Place } from "../model/source.ts";
import { formatPlace } from "./places.ts";
import { renderTable } from "./table.ts";
import type { Style } from "./terminal.ts";

/** One line of an import's report. */
export interface ImportedKey {
  readonly path: string;
  readonly place: Place;
  readonly outcome: "translated" | "approximated" | "lost";
  readonly to: string | null;
  readonly note: string | null;
}

const colors = { translated: "green", approximated: "yellow", lost: "red" } as const;

/** Every key of the file, and a count line last. */
export function renderImport(keys: readonly ImportedKey[], style: Style, base: string): string {
  const rows = keys.map(({ path, place, outcome, to, note }) => [
    style(colors[outcome], outcome),
    path,
    to ?? "-",
    style("gray", formatPlace(place, base)),
    note === null ? "" : `# ${note}`,
  ]);
  const count = (outcome: ImportedKey["outcome"]): number =>
    keys.filter((key) => key.outcome === outcome).length;
  const summary = `${count("translated")} translated, ${count("approximated")} approximated, ${count("lost")} lost.`;
  return [renderTable(["", "KEY", "BECAME", "PLACE", ""], rows, style), summary].join("\n");
}
