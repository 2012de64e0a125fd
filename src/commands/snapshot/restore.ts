import type { InstanceRecord } from "../../model/instance.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { SnapshotRecord } from "../../model/snapshot.ts";
import type { Problem } from "../../model/source.ts";
import { putStaged, stageSnapshot } from "../../providers/rootfs/snapshots/restore.ts";
import { carryOut } from "../carry-out.ts";
import { exitCodes, type Invocation, type Verb } from "../invocation.ts";
import { enterTarget } from "../target.ts";
import { checkLayer, chooseSnapshot, type Opened, openPlace, whileLocked } from "./place.ts";

/** `pavlos snapshot restore NAME SNAPSHOT`: what was written since is lost; what ran is started again. */
export const restore: Verb = async (invocation) => {
  const opened = await openPlace(invocation);
  if (!opened.ok) return opened;
  const { place, target } = opened.value;
  const chosen = chooseSnapshot(place, invocation.args[1] ?? "");
  if (!chosen.ok) return chosen;
  const missing = checkLayer(opened.value);
  if (missing !== null) return failure([missing]);
  const agreed = await agree(invocation, place.name, chosen.value);
  if (agreed !== "yes")
    return agreed === "no" ? success(exitCodes.declined) : failure([unconfirmed(place.name)]);
  const runs = enterTarget(target).ok;
  const done = await whileLocked(opened.value, "pavlos snapshot restore", () =>
    replace(opened.value, chosen.value, runs),
  );
  if (!done.ok) return done;
  if (runs)
    return carryOut({ ...invocation, command: "start" }, target.project, {
      kind: "start",
      names: [place.name],
    });
  if (invocation.globals.json)
    invocation.terminal.out(JSON.stringify({ version: 1, restored: chosen.value.name }, null, 2));
  else if (!invocation.globals.quiet)
    invocation.terminal.out(`restored ${chosen.value.name} of ${place.name}`);
  return success(0);
};

/** The copy comes first, what stands in its way after; the record says all the while that a start is due. */
async function replace(
  { place, target, machinery }: Opened,
  snapshot: SnapshotRecord,
  runs: boolean,
): Promise<Result<void, Problem>> {
  const { record } = target;
  const staged = await stageSnapshot(place, snapshot, record);
  if (!staged.ok) return staged;
  const { launcher, state, project, report, signal } = machinery;
  const pending = runs ? ({ action: "restart", fields: [] } as const) : record.pending;
  const begun = await state.writeRecord({ ...record, pending }, "durable");
  if (!begun.ok) return begun;
  const context = { project, place: () => null, report, signal };
  const stopped = (await launcher.stop([record.containerId], context)).get(record.containerId);
  if (stopped?.ok === false) return stopped;
  const put = await putStaged(place);
  if (!put.ok) return put;
  const after: InstanceRecord = { ...record, pending, createdAt: snapshot.since, hooked: snapshot.hooked };
  return await state.writeRecord(after, "durable");
}

async function agree(
  { globals, terminal, interruption }: Invocation,
  name: string,
  { name: snapshot, createdAt }: SnapshotRecord,
): Promise<"yes" | "no" | "nobody to ask"> {
  if (globals.yes) return "yes";
  if (!terminal.interactive) return "nobody to ask";
  terminal.err(`What was written in ${name} since ${createdAt} is lost (pavlos diff --files ${name}).`);
  const { askYes } = await import("../../ui/prompt.ts");
  return (await askYes(`Put ${snapshot} in its place?`, interruption())) ? "yes" : "no";
}

const unconfirmed = (name: string): Problem => ({
  code: "not-confirmed",
  message: `what was written in ${name} since then would be lost, and there is no terminal to ask on`,
  place: null,
  hint: "keep it with `pavlos snapshot save`, then say --yes",
});
