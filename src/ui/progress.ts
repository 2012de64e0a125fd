import type { Event } from "../model/event.ts";
import type { Operation, Plan } from "../model/plan.ts";
import type { Notice, Place } from "../model/source.ts";
import { formatPlace } from "./places.ts";
import { symbols } from "./plan.ts";
import type { Terminal } from "./terminal.ts";
import { approximateBytes } from "./values.ts";

/** Shows what happens while a plan is executed, on standard error. */
export interface Progress {
  /** The plan is settled and about to be executed. */
  begin(plan: Plan): void;
  report(event: Event): void;
  /** Waits until the last line is drawn. */
  finish(): Promise<void>;
}

/** One line for each change of state: for logs, pipes and CI; nothing is repainted. */
export function lineProgress(terminal: Terminal, base: string): Progress {
  return {
    begin: () => undefined,
    report(event) {
      const line = eventLine(event, terminal, base);
      if (line !== null) terminal.err(line);
    },
    finish: () => Promise.resolve(),
  };
}

/** Only notices and failures: --quiet and --json. */
export function quietProgress(terminal: Terminal, base: string): Progress {
  return {
    begin: () => undefined,
    report(event) {
      if (event.kind === "change-failed" || event.kind === "lock-waiting")
        terminal.err(eventLine(event, terminal, base) ?? "");
    },
    finish: () => Promise.resolve(),
  };
}

/** What is being done, in words: "unpacking", "starting". */
export const activities: Readonly<Record<Operation["kind"], string>> = {
  prepare: "preparing its root",
  await: "waiting for what it depends on",
  verify: "waiting until it is healthy",
  aside: "keeping its old files until it is certain",
  create: "creating",
  hook: "running hooks",
  start: "starting",
  change: "changing limits",
  stop: "stopping",
  record: "writing the record",
  remove: "removing",
};

export const describeProgress = (event: Event & { kind: "progress" }): string =>
  event.total === null || event.total === 0
    ? `${event.what} ${approximateBytes(event.done)}`
    : `${event.what} ${approximateBytes(event.done)} of ${approximateBytes(event.total)} (${Math.floor((100 * event.done) / event.total)}%)`;

/** Null: not worth a line. */
export function eventLine(event: Event, { errStyle: style }: Terminal, base: string): string | null {
  switch (event.kind) {
    case "change-finished":
      return `${style("green", "✔")} ${event.environment}: ${pastTense[event.change.action]} in ${Math.round(event.durationMs)} ms`;
    case "change-failed":
      return failureLines(event, style("red", "✖"), base);
    case "waiting":
      return `${style("cyan", "…")} ${event.environment}: waiting until ${event.until}`;
    case "notice":
      return noticeLine(event.notice, style("yellow", "!"));
    case "step":
      return event.state === "built"
        ? `${style("green", "✔")} ${event.environment}: step ${event.index + 1} of ${event.count}, ${event.title} (${(event.durationMs / 1000).toFixed(1)} s)`
        : null;
    case "lock-waiting":
      return `${style("yellow", "…")} waiting for ${event.holder}`;
    default:
      return null;
  }
}

const noticeLine = (notice: Notice, mark: string): string =>
  `${mark} ${notice.environment === null ? "" : `${notice.environment}: `}${notice.message}${notice.hint === undefined ? "" : ` (${notice.hint})`}`;

function failureLines(event: Event & { kind: "change-failed" }, mark: string, base: string): string {
  const { problem, left } = event.failure;
  const lines = [
    `${mark} ${event.environment}: ${symbols[event.change.action].text} ${event.change.action} failed: ${problem.message}`,
    at(problem.place, base),
    ...(problem.output ?? []).map((line) => `    | ${line.replaceAll(/\p{Cc}/gu, "\u{fffd}")}`),
    problem.hint === undefined ? "" : `    next: ${problem.hint}`,
    left === null ? "    left as it was" : `    left: ${left}`,
  ];
  return lines.filter((line) => line !== "").join("\n");
}

const at = (place: Place | null, base: string): string =>
  place === null ? "" : `    at ${formatPlace(place, base)}`;

/** How a change that is done is told. */
export const pastTense = {
  create: "created",
  record: "noted",
  live: "changed live",
  restart: "restarted",
  recreate: "recreated",
  stop: "stopped",
  destroy: "destroyed",
} as const;
