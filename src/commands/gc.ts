import { parseDuration } from "../config/durations.ts";
import { parseSize } from "../config/sizes.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { renderSweep } from "../ui/store.ts";
import { exitCodes, textOption, type Verb } from "./invocation.ts";
import { openPlace, openTools } from "./session.ts";

/** Long enough for an apply that has looked and not yet written its record. */
const hour = 3_600_000;

/** `pavlos gc`: removes from the store what nothing wants any more. */
export const gc: Verb = async (invocation) => {
  const { globals, options, terminal } = invocation;
  const maxSize = read(textOption(invocation, "maxSize"), "--max-size", parseSize);
  if (!maxSize.ok) return maxSize;
  const grace = read(textOption(invocation, "grace"), "--grace", parseDuration);
  if (!grace.ok) return grace;
  const place = openPlace();
  if (!place.ok) return place;
  const tools = openTools(place.value);
  if (!tools.ok) return tools;
  const { unusedDrivers } = await import("../providers/devices/unused.ts");
  const { sweep } = await import("../providers/rootfs/store/gc.ts");
  const mode = options.dryRun === true ? "dry-run" : "remove";
  const age = { grace: grace.value ?? hour, now: Date.now() };
  const drivers = unusedDrivers(tools.value, age);
  const swept = await sweep(tools.value, { mode, maxSize: maxSize.value, ...age, drivers });
  if (!swept.ok) return failure([swept.failure]);
  if (globals.json) terminal.out(JSON.stringify({ version: 1, mode, ...swept.value }, null, 2));
  else terminal.out(renderSweep(swept.value, mode, terminal.outStyle));
  return success(exitCodes.fine);
};

function read(
  text: string | null,
  option: string,
  parse: (text: string) => number | null,
): Result<number | null, readonly Problem[]> {
  if (text === null) return success(null);
  const value = parse(text);
  if (value !== null) return success(value);
  const expected = option === "--grace" ? "a duration such as 10m" : "a size such as 20GiB";
  return failure([{ code: "wrong-option", message: `${option} is \`${text}\``, place: null, expected }]);
}
