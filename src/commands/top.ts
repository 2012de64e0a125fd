import { setTimeout as sleep } from "node:timers/promises";
import { realFiles } from "../host/real-files.ts";
import { readUsage } from "../host/usage.ts";
import { success } from "../model/result.ts";
import { isAlive, readContainerState } from "../native/state.ts";
import { containersPath } from "../state/paths.ts";
import { type Gauge, renderTop } from "../ui/top.ts";
import type { Verb } from "./invocation.ts";
import { findTargets, type Target } from "./target.ts";
import { gaugesOf, type Look } from "./top/gauge.ts";

/** Milliseconds between two looks: live, and for one snapshot. */
const pulse = 1000;
const glance = 250;

/** `pavlos top`: what the environments use; live on a terminal, else one snapshot. */
export const top: Verb = async (invocation) => {
  const { args, globals, terminal, interruption } = invocation;
  const targets = await findTargets(invocation, args);
  if (!targets.ok) return targets;
  const live = terminal.interactive && process.stdout.isTTY === true && !globals.json;
  const signal = interruption();
  const histories = new Map<string, Gauge[]>();
  let before = look(targets.value);
  do {
    // Ended by the signal: that is no failure.
    await sleep(live ? pulse : glance, undefined, { signal }).catch(() => undefined);
    if (live && signal.aborted) break;
    const current = live ? await findTargets(invocation, args) : targets;
    const now = look(current.ok ? current.value : []);
    const gauges = gaugesOf(now, before);
    before = now;
    if (globals.json) terminal.out(JSON.stringify({ version: 1, environments: gauges }, null, 2));
    else {
      for (const gauge of gauges) remember(histories, gauge);
      const table = renderTop(gauges, histories, terminal.outStyle);
      // From the top left, what was there before cleared line by line: no flicker.
      if (live) terminal.raw("stdout", `\x1b[H${table.replaceAll("\n", "\x1b[K\n")}\x1b[K\n\x1b[J`);
      else terminal.out(table);
    }
  } while (live && !signal.aborted);
  return success(0);
};

function look(targets: readonly Target[]): Look {
  const environments = targets.map(({ project, record }) => {
    const state = readContainerState(realFiles, containersPath(project.paths), record.containerId);
    const runs = state !== null && isAlive(realFiles, state);
    const status = runs ? (state.started ? "running" : "starting") : "stopped";
    return [record.name, { status, usage: runs ? readUsage(state.cgroup) : null }] as const;
  });
  return { at: performance.now(), environments: new Map(environments) };
}

/** As many as the table shows. */
const kept = 12;

function remember(histories: Map<string, Gauge[]>, gauge: Gauge): void {
  histories.set(gauge.name, [...(histories.get(gauge.name) ?? []), gauge].slice(-kept));
}
