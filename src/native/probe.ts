import { spawnSync } from "node:child_process";
import type { Caller } from "../model/host.ts";

/**
 * Makes a user namespace with this caller's mapping, by removing nothing in one. Null: that works,
 * else the reason in pavlosc's words.
 */
export function tryNamespace(pavlosc: string, caller: Caller): string | null {
  const whole = caller.mapHelpers && caller.subuids.length > 0 && caller.subgids.length > 0;
  const flags = (option: string, own: number, ranges: Caller["subuids"]) => [
    option,
    `0:${own}:1`,
    ...(whole ? ranges.slice(0, 1).flatMap(({ start, count }) => [option, `1:${start}:${count}`]) : []),
  ];
  const map = [
    ...flags("--uid-map", caller.uid, caller.subuids),
    ...flags("--gid-map", caller.gid, caller.subgids),
  ];
  // Without --root it would look for the directory of containers, which this has nothing to do with.
  const tried = spawnSync(pavlosc, ["--root", "/", "remove", ...map, "/nonexistent-pavlos"], {
    encoding: "utf8",
  });
  if (tried.error !== undefined) return tried.error.message;
  return tried.status === 0 ? null : tried.stderr.trim() || `pavlosc ended with ${tried.status}`;
}
