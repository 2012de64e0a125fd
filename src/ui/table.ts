import type { Style } from "./terminal.ts";

/** Columns as wide as their widest cell, two spaces apart; the header in bold. Cells may be coloured. */
export function renderTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  style: Style,
): string {
  const all = [header, ...rows];
  const widths = header.map((_title, column) =>
    Math.max(...all.map((row) => visible(row[column] ?? "").length)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - visible(cell).length + 2))
      .join("")
      .trimEnd();
  return [style("bold", line(header)), ...rows.map(line)].join("\n");
}

/** Without colours. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what colours begin with
const visible = (text: string): string => text.replaceAll(/\x1b\[[0-9;]*m/g, "");
