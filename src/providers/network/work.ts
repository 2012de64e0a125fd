import type { NetworkRecord } from "../../state/networks.ts";
import type { Context, Present } from "../provider.ts";
import type { Machine } from "./ground.ts";
import { type Running, writeRunning } from "./running.ts";
import type { NetworkTools } from "./tools.ts";

/** What the steps towards a project's networks work on. */
export interface Work {
  readonly tools: NetworkTools;
  readonly context: Context;
  readonly machine: Machine;
  /** All that is wanted. */
  readonly record: NetworkRecord;
  /** Also what is to go. */
  readonly known: NetworkRecord;
  /** Those that are to run, by name. */
  readonly up: ReadonlyMap<string, Present>;
  /** Is somebody else's firewall to be looked for? */
  readonly firewalls: Firewalls;
  running: Running;
}

export type Firewalls = "look" | "pass over";

/** Writes down what was reached: steps run at the same time, and each keeps its own part. */
export function keep(work: Work, change: Partial<Running>): void {
  work.running = { ...work.running, ...change };
  writeRunning(work.tools, work.machine.layout, work.running);
}
