import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { NetworkTools } from "./tools.ts";

/**
 * Settings of the machine that networks need, and what they were before. They belong to all projects:
 * the last one that goes puts them back.
 */
const file = (tools: NetworkTools): string => join(tools.paths.run, "network", "settings.json");

const four = "/proc/sys/net/ipv4/ip_forward";
const six = "/proc/sys/net/ipv6/conf/all/forwarding";

/** Packets pass from one interface to another. With IPv6 a machine then stops listening to routers, unless told. */
export function allowForwarding(tools: NetworkTools, ipv6: boolean): void {
  const before = readBefore(tools);
  const wanted = new Map<string, string>([[four, "1"]]);
  if (ipv6) {
    for (const [path, value] of routerListeners()) wanted.set(path, value);
    wanted.set(six, "1");
  }
  const changed = [...wanted].flatMap(([path, value]) => {
    const now = trees.readThrough(path)?.trim() ?? null;
    return now === null || now === value ? [] : [{ path, value, now }];
  });
  if (changed.length === 0) return;
  // What was first there counts: not what an interrupted apply has set.
  const kept = Object.fromEntries(changed.map(({ path, now }) => [path, now]));
  tools.files.makeDirectory(join(tools.paths.run, "network"), 0o700);
  tools.files.replace(file(tools), JSON.stringify({ ...kept, ...before }));
  for (const { path, value } of changed) trees.writeKernel(path, value);
}

/** Puts back what was changed, when no other project has a network any more. */
export async function restoreForwarding(tools: NetworkTools): Promise<void> {
  const directory = join(tools.paths.run, "network");
  const others = (tools.files.list(directory) ?? []).some(
    (name) => tools.files.status(join(directory, name))?.kind === "directory",
  );
  if (others) return;
  const before = readBefore(tools);
  // Forwarding first: it decides how an interface listens to routers.
  for (const [path, value] of Object.entries(before).sort(
    ([a], [b]) => Number(b === six) - Number(a === six),
  ))
    trees.writeKernel(path, value);
  await tools.files.remove(directory);
}

/** Is it as it was set? Somebody else may have switched it off. */
export const forwards = (): boolean => trees.readThrough(four)?.trim() === "1";

function routerListeners(): readonly (readonly [string, string])[] {
  return trees
    .list("/proc/sys/net/ipv6/conf")
    .filter((name) => name !== "all" && name !== "lo")
    .map((name) => `/proc/sys/net/ipv6/conf/${name}/accept_ra`)
    .filter((path) => trees.readThrough(path)?.trim() === "1" && !/\/(pvb|pve|veth|docker|br-)/.test(path))
    .map((path) => [path, "2"] as const);
}

function readBefore({ files, paths }: NetworkTools): Readonly<Record<string, string>> {
  const text = files.readText(file({ files, paths } as NetworkTools));
  if (text === null) return {};
  try {
    return JSON.parse(text) as Readonly<Record<string, string>>;
  } catch {
    // Half-written by a crash before anything was set.
    return {};
  }
}
