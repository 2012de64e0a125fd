import type { GpuRow } from "../model/gpus.ts";
import { renderTable } from "./table.ts";
import type { Style } from "./terminal.ts";
import { formatBytes } from "./values.ts";

/** `pavlos gpu` as a table; parts of a GPU have lines of their own. */
export function renderGpus(rows: readonly GpuRow[], style: Style): string {
  const header = ["GPU", "NAME", "MEMORY", "DRIVER", "BUS", "UUID", "USED BY"];
  const lines = rows.flatMap((row) => [
    [
      String(row.index),
      row.name,
      row.memory === null ? "?" : formatBytes(row.memory),
      row.driver,
      row.busId,
      row.uuid ?? "(not opened yet)",
      row.excluded ? style("red", "excluded") : usersOf(row),
    ],
    ...(row.mig ?? []).map((part) => [
      part.name,
      `MIG ${part.gpuInstance}/${part.computeInstance}`,
      "",
      "",
      "",
      part.uuid ?? "",
      "",
    ]),
  ]);
  return renderTable(header, lines, style);
}

const usersOf = ({ usedBy }: GpuRow): string =>
  usedBy
    .map(({ project, environment, exclusive }) => `${project}/${environment}${exclusive ? " (alone)" : ""}`)
    .join(", ") || "-";
