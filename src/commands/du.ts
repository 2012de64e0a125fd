import { failure, success } from "../model/result.ts";
import { renderUsage } from "../ui/store.ts";
import { exitCodes, type Verb } from "./invocation.ts";
import { openPlace, openTools } from "./session.ts";

/** `pavlos du`: what takes how much room, and what `pavlos gc` would give back. */
export const du: Verb = async ({ globals, terminal }) => {
  const place = openPlace();
  if (!place.ok) return place;
  const tools = openTools(place.value);
  if (!tools.ok) return tools;
  const { diskUsage } = await import("../providers/rootfs/store/disk-usage.ts");
  const rows = await diskUsage(tools.value);
  if (!rows.ok) return failure([rows.failure]);
  if (globals.json) terminal.out(JSON.stringify({ version: 1, usage: rows.value }, null, 2));
  else terminal.out(renderUsage(rows.value, terminal.outStyle));
  return success(exitCodes.fine);
};
