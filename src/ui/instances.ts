import type { Port, Rootfs } from "../model/environment.ts";
import type { HealthReport, Status } from "../model/instance.ts";
import { unreachable } from "../model/result.ts";
import { portsCell } from "./networks.ts";
import { shortPath } from "./places.ts";
import { renderTable } from "./table.ts";
import type { Style } from "./terminal.ts";
import { formatAge, shortImage } from "./values.ts";

/** One line of `pavlos ps`. */
export interface Listed {
  /** Null: all lines are of one project. */
  readonly project: string | null;
  readonly name: string;
  readonly status: Status;
  readonly pid: number | null;
  readonly startedAt: string | null;
  readonly exitCode: number | null;
  readonly health?: HealthReport;
  readonly restarts?: number;
  readonly waits?: boolean;
  readonly gaveUp?: boolean;
  readonly oom?: boolean;
  readonly rootfs: Rootfs;
  /** UUIDs or PCI addresses; the column is there when one has any. */
  readonly gpus?: readonly string[];
  /** On its networks. */
  readonly addresses: readonly string[];
  /** Of the machine, that lead to it. */
  readonly ports: readonly Port[];
}

export interface ListOptions {
  readonly style: Style;
  readonly base: string;
  readonly now: Date;
}

export function renderInstances(list: readonly Listed[], { style, base, now }: ListOptions): string {
  const withProject = list.some((item) => item.project !== null);
  const withGpus = list.some(({ gpus = [] }) => gpus.length > 0);
  const withHealth = list.some((item) => item.health !== undefined);
  const withNetworks = list.some((item) => item.addresses.length > 0);
  const header = [
    ...(withProject ? ["PROJECT"] : []),
    "NAME",
    "STATUS",
    ...(withHealth ? ["HEALTH"] : []),
    "PID",
    "SINCE",
    "ROOT",
    ...(withGpus ? ["GPUS"] : []),
    ...(withNetworks ? ["ADDRESS", "PORTS"] : []),
  ];
  const rows = list.map((item) => [
    ...(withProject ? [item.project ?? ""] : []),
    item.name,
    statusCell(item, style),
    ...(withHealth ? [healthCell(item.health, style)] : []),
    item.pid === null ? "-" : String(item.pid),
    item.pid === null || item.startedAt === null
      ? "-"
      : formatAge(now.getTime() - Date.parse(item.startedAt)),
    rootCell(item.rootfs, base),
    ...(withGpus ? [(item.gpus ?? []).map(shortGpu).join(" ") || "-"] : []),
    ...(withNetworks ? [item.addresses.join(", ") || "-", portsCell(item.ports)] : []),
  ]);
  return renderTable(header, rows, style);
}

/** As much of a UUID as tells them apart. */
const shortGpu = (key: string): string => key.replace(/^(GPU-[0-9a-f]{8})[0-9a-f-]*/, "$1");

const colors = {
  running: "green",
  starting: "cyan",
  unhealthy: "yellow",
  stopped: "gray",
  failed: "red",
  missing: "gray",
} as const satisfies Record<Status, string>;

function statusCell(item: Listed, style: Style): string {
  const { status } = item;
  const remarks = [
    ...(item.exitCode === null || status === "running" || status === "missing"
      ? []
      : [String(item.exitCode)]),
    ...(item.oom ? ["out of memory"] : []),
    ...(item.gaveUp ? ["gave up"] : []),
    ...(item.waits ? ["starts again"] : []),
    ...(item.restarts === undefined ? [] : [`${item.restarts} restart${item.restarts === 1 ? "" : "s"}`]),
  ];
  return style(colors[status], remarks.length === 0 ? status : `${status} (${remarks.join(", ")})`);
}

const healthColors = { starting: "cyan", healthy: "green", unhealthy: "yellow" } as const;

const healthCell = (health: HealthReport | undefined, style: Style): string =>
  health === undefined ? "-" : style(healthColors[health.status], health.status);

function rootCell(rootfs: Rootfs, base: string): string {
  switch (rootfs.kind) {
    case "host":
      return "host";
    case "path":
      return shortPath(rootfs.path, base);
    case "archive":
      return shortPath(rootfs.archive, base);
    case "image":
      return shortImage(rootfs.image);
    case "bootstrap":
      return rootfs.suite;
    case "named":
      return rootfs.named;
    case "build":
      return `${rootCell(rootfs.from, base)} + ${rootfs.steps.length} steps`;
    default:
      return unreachable(rootfs);
  }
}
