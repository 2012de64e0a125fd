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
import { dropRules, setRules } from "./table.ts";
import { type Texts, textsFor, writeNames } from "./texts.ts";
import type { NetworkTools } from "./tools.ts";
import { connect } from "./way-out.ts";
import { unwire, wire } from "./wiring.ts";
import type { Firewalls, Work } from "./work.ts";

/** Namespaces and links are there: containers may be made. */
export interface Converged {
  readonly texts: Texts;
  /** Rules and the way out, before anything runs in them. */
  readonly rest: Promise<Result<void, Problem>>;
}

const nothing: Converged = { texts: () => ({}), rest: Promise.resolve(success(undefined)) };

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
  const done = up.size === 0 ? await dismantle(work) : await build(work);
  if (done.ok) await writeNetworks(tools, projectId, record);
  return done;
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

/** Rules do not need the links, nor links them: they come about meanwhile. */
async function build(work: Work): Promise<Result<Converged, Problem>> {
  work.running = readRunning(work.tools, work.machine.layout);
  const wiring = wire(work);
  const rest = rulesAndWayOut(work, wiring);
  const wired = await wiring;
  if (!wired.ok) {
    await rest;
    return wired;
  }
  const texts = textsFor(work);
  writeNames(work, texts);
  return success({ texts, rest });
}

/** Sockets are as the settings of the network were when they were made: so the way out comes after these. */
async function rulesAndWayOut(
  work: Work,
  wiring: Promise<Result<void, Problem>>,
): Promise<Result<void, Problem>> {
  for (const done of [await setRules(work), await wiring]) if (!done.ok) return done;
  return await connect(work);
}

/** Everything of the project's networks goes; what of it is gone already is fine. */
async function dismantle({ tools, machine, known, running }: Work): Promise<Result<Converged, Problem>> {
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
  return success(nothing);
}
