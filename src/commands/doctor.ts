import { dirname } from "node:path";
import { freeSpace } from "../host/disk.ts";
import { readHostFacts } from "../host/facts.ts";
import { realPrograms } from "../host/programs.ts";
import { realFiles } from "../host/real-files.ts";
import { currentSelf } from "../host/self.ts";
import { success } from "../model/result.ts";
import { findNative } from "../native/find.ts";
import { tryNamespace } from "../native/probe.ts";
import { findBlockers } from "../providers/network/firewalls.ts";
import { locateState } from "../state/locate.ts";
import { renderFindings } from "../ui/findings.ts";
import type { Machine } from "./doctor/check.ts";
import { checks } from "./doctor/checks.ts";
import { exitCodes, type Verb } from "./invocation.ts";

/** `pavlos doctor`: exit code 1 when environments cannot run here. Changes nothing. */
export const doctor: Verb = async ({ terminal, globals }) => {
  const machine = await thisMachine();
  const findings = checks.map((check) => check(machine));
  const essential = findings.some(({ status }) => status === "failed");
  if (globals.json) terminal.out(JSON.stringify({ version: 1, ok: !essential, findings }, null, 2));
  else terminal.out(renderFindings(findings, terminal.outStyle));
  return success(essential ? exitCodes.failed : exitCodes.fine);
};

async function thisMachine(): Promise<Machine> {
  const self = currentSelf();
  const facts = readHostFacts(realFiles, self);
  const native = findNative(realFiles, process.env);
  const state = locateState(realFiles, self, facts.caller.home);
  return {
    facts,
    read: (path) => realFiles.readText(path),
    free: (path) => freeSpace(nearest(path)),
    writable: (path) => realFiles.writable(nearest(path)),
    tryNamespace: () => (native.ok ? tryNamespace(native.value, facts.caller) : "pavlosc is missing"),
    blockers: await findBlockers({ programs: realPrograms, files: realFiles, host: facts }),
    runtime: native.ok ? { path: native.value } : { missing: native.failure.message },
    state: state.ok ? state.value : { wrong: state.failure.message, hint: state.failure.hint ?? "" },
  };
}

/** The path, or the directory in which it would be made. */
function nearest(path: string): string {
  let at = path;
  while (at !== "/" && realFiles.status(at) === null) at = dirname(at);
  return at;
}
