import { renderTable } from "./table.ts";
import type { Style } from "./terminal.ts";
import { approximateBytes } from "./values.ts";

/** One environment at one moment; null: not known. */
export interface Gauge {
  readonly name: string;
  readonly status: string;
  /** Share of one processor: 1.5 is one and a half. Null: only one look so far. */
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly memoryLimit: number | null;
  readonly pids: number | null;
  /** Bytes per second. */
  readonly readRate: number | null;
  readonly writeRate: number | null;
}

/** What was seen before of each environment, newest last. */
export type Histories = ReadonlyMap<string, readonly Gauge[]>;

/** A table with a small history of processor and memory, where there is one. */
export function renderTop(gauges: readonly Gauge[], histories: Histories, style: Style): string {
  const withHistory = gauges.some(({ name }) => (histories.get(name)?.length ?? 0) > 1);
  const header = [
    "NAME",
    "STATUS",
    "CPU",
    ...(withHistory ? [""] : []),
    "MEMORY",
    ...(withHistory ? [""] : []),
    "PIDS",
    "READ",
    "WRITE",
  ];
  const rows = gauges.map((gauge) => {
    const past = histories.get(gauge.name) ?? [];
    const line = (values: readonly (number | null)[], most: number): string[] =>
      withHistory ? [style("cyan", sparkline(values, most))] : [];
    return [
      gauge.name,
      gauge.status,
      gauge.cpu === null ? "-" : `${(gauge.cpu * 100).toFixed(gauge.cpu < 0.1 ? 1 : 0)}%`,
      ...line(
        past.map(({ cpu }) => cpu),
        1,
      ),
      memoryCell(gauge),
      ...line(
        past.map(({ memory }) => memory),
        gauge.memoryLimit ?? 0,
      ),
      gauge.pids === null ? "-" : String(gauge.pids),
      rate(gauge.readRate),
      rate(gauge.writeRate),
    ];
  });
  return renderTable(header, rows, style);
}

/** ▁▂▃▄▅▆▇█ of the last values; `most`: the least that fills a column. */
export function sparkline(values: readonly (number | null)[], most: number): string {
  const shown = values.slice(-width);
  const top = Math.max(most, ...shown.map((value) => value ?? 0)) || 1;
  const bars = shown.map((value) =>
    value === null ? " " : columns[Math.min(7, Math.floor((value / top) * 8))],
  );
  return bars.join("").padStart(width);
}

const columns = "▁▂▃▄▅▆▇█";
const width = 12;

function memoryCell({ memory, memoryLimit }: Gauge): string {
  if (memory === null) return "-";
  return memoryLimit === null
    ? approximateBytes(memory)
    : `${approximateBytes(memory)} / ${approximateBytes(memoryLimit)}`;
}

const rate = (bytes: number | null): string => (bytes === null ? "-" : `${approximateBytes(bytes)}/s`);
