import type { Event } from "../model/event.ts";
import { eventLine } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** What has been made of one environment's root. */
export interface Built {
  readonly environment: string;
  /** Names the content. */
  readonly key: string;
  readonly layers: number;
  /** Steps that were run, and that the store had. */
  readonly built: number;
  readonly cached: number;
  readonly durationMs: number;
}

/** Tells what a build does: lines on standard error, or one document at its end. */
export interface BuildReport {
  event(event: Event): void;
  built(root: Built): void;
  finish(): void;
}

export function buildReport(
  terminal: Terminal,
  { json, quiet, verbose }: { readonly json: boolean; readonly quiet: boolean; readonly verbose: boolean },
): BuildReport {
  const roots: Built[] = [];
  return {
    event(event) {
      if (json || quiet) return;
      const line = event.kind === "output" ? outputLine(event, verbose) : stepLine(event, terminal);
      if (line !== null) terminal.err(line);
    },
    built(root) {
      roots.push(root);
      if (!json && !quiet) terminal.out(builtLine(root));
    },
    finish() {
      if (json) terminal.out(JSON.stringify({ version: 1, builds: roots }, null, 2));
    },
  };
}

const outputLine = (event: Event & { kind: "output" }, verbose: boolean): string | null =>
  verbose ? `${event.environment} | ${event.line}` : null;

function stepLine(event: Event, terminal: Terminal): string | null {
  if (event.kind !== "step" || event.state !== "cached") return eventLine(event, terminal, process.cwd());
  const mark = terminal.errStyle("dim", "=");
  return `${mark} ${event.environment}: step ${event.index + 1} of ${event.count}, ${event.title} (in the store)`;
}

function builtLine({ environment, key, layers, built, cached, durationMs }: Built): string {
  const steps = built + cached === 0 ? "" : `, ${built} of ${built + cached} steps run`;
  const time = durationMs < 1000 ? `${Math.round(durationMs)} ms` : `${(durationMs / 1000).toFixed(1)} s`;
  return `${environment}: ${key.slice(0, 12)}, ${layers} ${layers === 1 ? "layer" : "layers"}${steps}, ${time}`;
}
