import { type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { blockersBeside, tellOf } from "./firewalls.ts";
import { type Machine, runThere } from "./ground.ts";
import { activeNetworks } from "./links.ts";
import { readResolvers } from "./names.ts";
import { rulesOf } from "./rules.ts";
import { keep, type Work } from "./work.ts";

/** The rules as they were given, when they are new; else what the kernel has. */
export type Ruled = { readonly given: string } | { readonly found: Look };

/**
 * The project's table is replaced when it is not what the kernel has. It names interfaces, which need not
 * be there yet.
 */
export async function setRules(work: Work): Promise<Result<Ruled, Problem>> {
  const { machine, running } = work;
  const given = rulesFor(work);
  // Nothing of ours to look at before the first time.
  const found = running.rules === "" ? null : await look(work);
  if (found !== null && given === running.rules && found.table === running.listing) return success({ found });
  const set = await runThere(machine, "nft", { args: ["-f", "-"], input: given });
  return set.ok ? success({ given }) : set;
}

/** Writes down how the kernel lists what it was given, and tells who is in the way. */
export async function readBack(work: Work, ruled: Ruled): Promise<void> {
  const found = "found" in ruled ? ruled.found : await look(work);
  if ("given" in ruled) keep(work, { rules: ruled.given, listing: found.table ?? "" });
  const { tools, context } = work;
  const blockers = found.ruleset === null ? [] : await blockersBeside(tools, found.ruleset);
  for (const blocker of blockers) context.report({ kind: "notice", notice: tellOf(blocker) });
}

/** No table any more; none is fine. */
export async function dropRules(machine: Machine): Promise<Result<void, Problem>> {
  const name = `table inet ${machine.layout.table}`;
  const done = await runThere(machine, "nft", { args: ["-f", "-"], input: `${name}\ndelete ${name}\n` });
  return done.ok ? success(undefined) : done;
}

/** The project's table as the kernel has it, without counters; null: it is not there. */
export async function listing(machine: Machine): Promise<string | null> {
  const listed = await runThere(machine, "nft", {
    args: ["-s", "list", "table", "inet", machine.layout.table],
  });
  return listed.ok ? listed.value : null;
}

interface Look {
  readonly table: string | null;
  /** Everybody's tables, where somebody wants to know who is in the way. */
  readonly ruleset: string | null;
}

/** One command for both: what is ours, and who is in the way. */
async function look({ machine, firewalls }: Work): Promise<Look> {
  if (firewalls === "pass over") return { table: await listing(machine), ruleset: null };
  const listed = await runThere(machine, "nft", { args: ["-s", "list", "ruleset"] });
  if (!listed.ok) return { table: await listing(machine), ruleset: null };
  return { table: tableIn(listed.value, machine.layout.table), ruleset: listed.value };
}

/** As `nft list table` prints it: only the line that ends a table begins with a brace. Pure. */
export const tableIn = (ruleset: string, name: string): string | null =>
  new RegExp(`^table inet ${name} \\{\\n[\\s\\S]*?^\\}\\n`, "m").exec(ruleset)?.[0] ?? null;

function rulesFor({ machine, record, up }: Work): string {
  const { layout, ground } = machine;
  const active = activeNetworks(record, up.keys()).map(({ bridge }) => bridge);
  const networks = Object.fromEntries(
    Object.entries(record.networks).filter(([, network]) => active.includes(network.bridge)),
  );
  return rulesOf({
    table: layout.table,
    record: { ...record, networks },
    open: new Set(up.keys()),
    place: ground.kind === "machine" ? "machine" : "user network",
    loopbackDns: ground.kind === "machine" ? readResolvers().loopback : null,
  });
}
