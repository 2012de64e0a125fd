import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import { success } from "../../model/result.ts";
import { pathsOf, sweep, unfinishedName } from "../../providers/rootfs/snapshots/store.ts";
import type { Verb } from "../invocation.ts";
import { chooseSnapshot, openPlace, whileLocked } from "./place.ts";

/** `pavlos snapshot rm NAME SNAPSHOT`. */
export const remove: Verb = async (invocation) => {
  const opened = await openPlace(invocation);
  if (!opened.ok) return opened;
  const { place } = opened.value;
  const chosen = chooseSnapshot(place, invocation.args[1] ?? "");
  if (!chosen.ok) return chosen;
  const { name } = chosen.value;
  const removed = await whileLocked(opened.value, "pavlos snapshot rm", async () => {
    const { snapshots } = pathsOf(place);
    const swept = await sweep(place);
    if (!swept.ok) return swept;
    // It loses its name first: half of a snapshot is never seen.
    trees.rename(join(snapshots, name), join(snapshots, unfinishedName(name)));
    return await sweep(place);
  });
  if (!removed.ok) return removed;
  if (!invocation.globals.quiet && !invocation.globals.json)
    invocation.terminal.out(`removed ${name} of ${place.name}`);
  else if (invocation.globals.json)
    invocation.terminal.out(JSON.stringify({ version: 1, removed: name }, null, 2));
  return success(0);
};
