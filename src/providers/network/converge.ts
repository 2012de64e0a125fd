import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { type NetworkRecord, readNetworks, writeNetworks } from "../../state/networks.ts";
import type { Context, Present } from "../provider.ts";
import { allocate, membersOf } from "./allocate.ts";
import { restoreForwarding } from "./forwarding.ts";
import { type Ground, isAliveHolder, makeHolder } from "./ground.ts";
import { layoutOf } from "./layout.ts";
import { isAliveOutlet, usesHostInstead } from "./outlet.ts";
import { nothingRunning, readRunning, writeRunning } from "./running.ts";
import { surroundings } from "./surroundings.ts";
import { dropRules, type Ruled, readBack, setRules } from "./table.ts";
import { type Texts, textsFor, writeNames } from "./texts.ts";
import type { NetworkTools } from "./tools.ts";
import { connect } from "./way-out.ts";
import { unwire, wire } from "./wiring.ts";
import type { Firewalls, Work } from "./work.ts";

/** What is known of a network that comes about. */
export interface Converged {
  readonly texts: Texts;
  /** Namespaces and links, before a container can be in them. */
  readonly links: Promise<Result<void, Problem>>;
  /** These, rules and the way out, before anything runs. */
  readonly use: Promise<Result<void, Problem>>;
  /** All of it, also what is written down for the next command. */
  readonly end: Promise<Result<void, Problem>>;
}

const finished = Promise.resolve(success(undefined));
const nothing: Converged = { texts: () => ({}), links: finished, use: finished, end: finished };

/**
 * Makes the project's networks what the environments need, from whatever is there: level-triggered,
 * like everything. With nobody on a network nothing is left of any.
 */
export async function converge(
  tools: NetworkTools,
  context: Context,
  asked: { readonly present: readonly Present[]; readonly firewalls: Firewalls },
): Promise<Result<Converged, Problem>> {
  const { files, paths } = tools;
  const { present, firewalls } = asked;
  const projectId = context.project.id;
  const layout = layoutOf(paths, projectId);
  const before = readNetworks(files, paths, projectId);
  const environments = present.map(({ environment }) => environment);
  const members = usesHostInstead(tools) ? [] : membersOf(environments);
  if (members.length === 0 && Object.keys(before.networks).length === 0) return success(nothing);
  const wanted = allocate(members, {
    record: before,
    layout,
    projectId,
    around: surroundings(tools, projectId, before),
  });
  if (!wanted.ok) {
    const { code, environment, path, message, hint } = wanted.failure;
    return failure({ code, message, hint, place: context.place(environment, path) });
  }
  const record = wanted.value;
  const known: NetworkRecord = {
    version: 1,
    networks: { ...before.networks, ...record.networks },
    members: { ...before.members, ...record.members },
  };
  const up = new Map(
    present.flatMap((one) =>
      one.up && members.length > 0 && one.environment.network.kind === "networks"
        ? [[one.environment.name, one] as const]
        : [],
    ),
  );
  await writeNetworks(tools, projectId, known);
  const ground = await groundFor(tools, context, up);
  if (!ground.ok) return ground;
  const running = readRunning(tools, layout);
  const machine = { tools, layout, ground: ground.value };
  const work: Work = { tools, context, machine, record, known, up, firewalls, running };
  if (up.size > 0) return success(build(work));
  const gone = await dismantle(work);
  if (!gone.ok) return gone;
  await writeNetworks(tools, projectId, record);
  return success(nothing);
}

/** Without root a process keeps the project's network; a new one when it is gone. */
async function groundFor(
  tools: NetworkTools,
  context: Context,
  up: ReadonlyMap<string, Present>,
): Promise<Result<Ground, Problem>> {
  if (tools.host.caller.uid === 0) return success({ kind: "machine" });
  const layout = layoutOf(tools.paths, context.project.id);
  const running = readRunning(tools, layout);
  if (running.holder !== null && isAliveHolder(tools, running.holder))
    return success({ kind: "user", holder: running.holder });
  const [first] = up.values();
  // Nothing is to run and nothing runs: there is nothing to go into.
  if (first === undefined) return success({ kind: "user", holder: { pid: 0, startTime: 0 } });
  if (running.outlet !== null && isAliveOutlet(tools, running.outlet))
    tools.programs.kill(running.outlet.pid);
  const holder = await makeHolder(tools, layout, first.environment);
  if (!holder.ok) return holder;
  writeRunning(tools, layout, { ...nothingRunning, holder: holder.value });
  return success({ kind: "user", holder: holder.value });
}

/** Rules do not need the links, nor links them: they come about at the same time. */
function build(work: Work): Converged {
  work.running = readRunning(work.tools, work.machine.layout);
  const texts = textsFor(work);
  const links = wireAndTell(work, texts);
  const rules = setRules(work);
  const use = rulesAndWayOut(work, { links, rules });
  return { texts, links, use, end: ending(work, { use, rules }) };
}

async function wireAndTell(work: Work, texts: Texts): Promise<Result<void, Problem>> {
  const wired = await wire(work);
  if (!wired.ok) return wired;
  writeNames(work, texts);
  await writeNetworks(work.tools, work.context.project.id, work.record);
  return success(undefined);
}

type Done = Promise<Result<void, Problem>>;

/** Sockets are as the settings of the network were when they were made: so the way out comes after these. */
async function rulesAndWayOut(
  work: Work,
  { links, rules }: { readonly links: Done; readonly rules: Promise<Result<Ruled, Problem>> },
): Done {
  const ruled = await rules;
  const wired = await links;
  if (!wired.ok) return wired;
  return ruled.ok ? await connect(work) : ruled;
}

/** Containers need not wait for what is only noted. */
async function ending(
  work: Work,
  { use, rules }: { readonly use: Done; readonly rules: Promise<Result<Ruled, Problem>> },
): Done {
  const ruled = await rules;
  if (ruled.ok) await readBack(work, ruled.value);
  return await use;
}

/** Everything of the project's networks goes; what of it is gone already is fine. */
async function dismantle({ tools, machine, known, running }: Work): Promise<Result<void, Problem>> {
  const { layout, ground } = machine;
  const { outlet } = running;
  if (outlet !== null && isAliveOutlet(tools, outlet)) tools.programs.kill(outlet.pid);
  if (ground.kind === "user") {
    // With the process that keeps them, all namespaces and what is in them go.
    if (ground.holder.pid > 0) tools.programs.kill(ground.holder.pid);
  } else {
    for (const done of await Promise.all([unwire(machine, known), dropRules(machine)]))
      if (!done.ok) return done;
  }
  await tools.files.remove(layout.directory);
  await restoreForwarding(tools);
  return success(undefined);
}
