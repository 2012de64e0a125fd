import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Environment } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { type NetworkRecord, readNetworks, writeNetworks } from "../../state/networks.ts";
import { environmentPaths } from "../../state/paths.ts";
import type { Context, Present } from "../provider.ts";
import { allocate, membersOf } from "./allocate.ts";
import { allowForwarding, restoreForwarding } from "./forwarding.ts";
import {
  type Ground,
  isAliveHolder,
  isNamespace,
  type Machine,
  makeHolder,
  pingGroups,
  runSteps,
  runThere,
  type Step,
} from "./ground.ts";
import { readHostView } from "./host-view.ts";
import { brokenInside } from "./inside.ts";
import { layoutOf } from "./layout.ts";
import { activeNetworks, type Interface, linkSteps, linkWork, signatureOf } from "./links.ts";
import { hostsFile, readResolvers, resolvConf, rewrite } from "./names.ts";
import {
  isAliveOutlet,
  openPorts,
  outletArgs,
  outletProgram,
  relayOf,
  startOutlet,
  usesHostInstead,
} from "./outlet.ts";
import { rulesOf } from "./rules.ts";
import { nothingRunning, type Running, readRunning, writeRunning } from "./running.ts";
import { surroundings } from "./surroundings.ts";
import type { NetworkTools } from "./tools.ts";

/** Files below /etc of an environment that is to run, by name. */
export type Texts = (environment: string) => Readonly<Record<string, string>>;

const nothing: Texts = () => ({});

/** What converge works on: the same for all its steps. */
interface Work {
  readonly tools: NetworkTools;
  readonly context: Context;
  readonly machine: Machine;
  /** All that is wanted. */
  readonly record: NetworkRecord;
  /** Also what is to go. */
  readonly known: NetworkRecord;
  /** Those that are to run, by name. */
  readonly up: ReadonlyMap<string, Present>;
  running: Running;
  /** The table as the kernel has it, where one was made before. */
  listed: Promise<string | null> | null;
}

/**
 * Makes the project's networks what the environments need, from whatever is there: level-triggered,
 * like everything. With nobody on a network nothing is left of any.
 */
export async function converge(
  tools: NetworkTools,
  context: Context,
  present: readonly Present[],
): Promise<Result<Texts, Problem>> {
  const { files, paths } = tools;
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
  const machine: Machine = { tools, layout, ground: ground.value };
  const work: Work = { tools, context, machine, record, known, up, running, listed: null };
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

async function build(work: Work): Promise<Result<Texts, Problem>> {
  work.running = readRunning(work.tools, work.machine.layout);
  // Meanwhile: links change no rules.
  if (work.running.rules !== "") work.listed = listing(work.machine);
  for (const step of [links, rules, outlet]) {
    const done = await step(work);
    if (!done.ok) return done;
  }
  const textsOf = textsFor(work);
  names(work, textsOf);
  return success(textsOf);
}

const keep = (work: Work, change: Partial<Running>): void => {
  work.running = { ...work.running, ...change };
  writeRunning(work.tools, work.machine.layout, work.running);
};

/** Namespaces, bridges and the pairs between them: at most four commands for any number of environments. */
async function links(work: Work): Promise<Result<void, Problem>> {
  const { tools, machine, record, known, up } = work;
  const { layout, ground } = machine;
  const found = await interfaces(machine);
  if (!found.ok) return found;
  const signatures = new Map(
    [...up].map(([name, { pid }]) => {
      const isThere =
        isNamespace(ground, layout.namespace(name)) &&
        (pid === null || brokenInside(tools.files, pid, { name, record }) === null);
      return [name, isThere ? (work.running.members[name] ?? null) : null] as const;
    }),
  );
  // What is known also tells what is to go; what is wanted decides what is to be.
  const toDo = linkWork({ record: known, layout, up: signatures, interfaces: found.value });
  if (ground.kind === "machine" && activeNetworks(record, up.keys()).some(({ internal }) => !internal))
    allowForwarding(tools, readHostView(tools.files).wayOut6);
  const gone = (tools.files.list(layout.directory) ?? [])
    .filter((name) => name.endsWith(".netns") && !up.has(name.replace(/\.netns$/, "")))
    .map((name): Step => ({ path: join(layout.directory, name), make: "gone" }));
  const made = toDo.fresh.map((name): Step => ({ path: layout.namespace(name), make: makeOf(work, name) }));
  if (made.length > 0) {
    tools.files.makeDirectory(layout.directory, 0o700);
    const forward: Step = { sysctl: { "net/ipv4/ip_forward": "1" } };
    const done = await runSteps(machine, [...made, ...(ground.kind === "user" ? [forward] : [])]);
    if (!done.ok) return done;
  }
  if (toDo.lines.length > 0) {
    const input = `${toDo.lines.join("\n")}\n`;
    const done = await runThere(machine, "ip", { args: ["-batch", "-"], input });
    if (!done.ok) return done;
  }
  const steps = [
    // After the links into them: the kernel removes those in its own time otherwise.
    ...gone,
    ...toDo.bridges.map(
      (bridge): Step => ({ sysctl: bridgeSettings(bridge, readHostView(tools.files).ipv6) }),
    ),
    ...toDo.fresh.map((name) => linkSteps(name, { record, layout, pingGroups: pingGroups(tools) })),
  ];
  const configured = await runSteps(machine, steps);
  if (!configured.ok) return configured;
  const ready = [...up.keys()].map((name) => [name, signatureOf(record, record.members[name]?.links ?? [])]);
  keep(work, { members: Object.fromEntries(ready) });
  return success(undefined);
}

/** A container that runs has its namespace already: only the way to it was lost. */
function makeOf(work: Work, name: string): NonNullable<Step["make"]> {
  const pid = work.up.get(name)?.pid ?? null;
  return pid === null ? "missing" : { of: pid };
}

async function interfaces(machine: Machine): Promise<Result<readonly Interface[], Problem>> {
  const listed = await runThere(machine, "ip", { args: ["-j", "addr", "show"] });
  if (!listed.ok) return listed;
  return success(parseInterfaces(listed.value));
}

export function parseInterfaces(text: string): readonly Interface[] {
  const value: unknown = text.trim() === "" ? [] : JSON.parse(text);
  // Some versions of ip print an empty object for what they leave out.
  return Array.isArray(value) ? value.filter((one): one is Interface => typeof one?.ifname === "string") : [];
}

/** Answers from a container to 127.0.0.1 come back through the bridge: for published ports on loopback. */
const bridgeSettings = (bridge: string, ipv6: boolean): Readonly<Record<string, string>> => ({
  [`net/ipv4/conf/${bridge}/route_localnet`]: "1",
  ...(ipv6 ? { [`net/ipv6/conf/${bridge}/accept_ra`]: "0" } : {}),
});

/** The table is replaced when it is not what the kernel has. */
async function rules(work: Work): Promise<Result<void, Problem>> {
  const { machine, record, up } = work;
  const { layout, ground } = machine;
  const active = activeNetworks(record, up.keys()).map(({ bridge }) => bridge);
  const networks = Object.fromEntries(
    Object.entries(record.networks).filter(([, network]) => active.includes(network.bridge)),
  );
  const text = rulesOf({
    table: layout.table,
    record: { ...record, networks },
    open: new Set(up.keys()),
    place: ground.kind === "machine" ? "machine" : "user network",
    loopbackDns: ground.kind === "machine" ? readResolvers().loopback : null,
  });
  const digest = createHash("sha256").update(text).digest("hex");
  const listed = await work.listed;
  if (digest === work.running.rules && listed === work.running.listing) return success(undefined);
  const set = await runThere(machine, "nft", { args: ["-f", "-"], input: text });
  if (!set.ok) return set;
  keep(work, { rules: digest, listing: (await listing(machine)) ?? "" });
  return success(undefined);
}

/** The project's table as the kernel has it, without counters; null: it is not there. */
export async function listing(machine: Machine): Promise<string | null> {
  const listed = await runThere(machine, "nft", {
    args: ["-s", "list", "table", "inet", machine.layout.table],
  });
  return listed.ok ? listed.value : null;
}

/** Without root: the way out, and the ports of the machine. */
async function outlet(work: Work): Promise<Result<void, Problem>> {
  const { tools, machine, record, up } = work;
  const { ground, layout } = machine;
  const program = outletProgram(tools);
  if (ground.kind === "machine" || program === null) return success(undefined);
  const old = work.running.outlet;
  const isAlive = isAliveOutlet(tools, old);
  const needed = activeNetworks(record, up.keys()).some(({ internal }) => !internal);
  const relays = readResolvers().loopback === null ? "nothing" : "names";
  const ports = openPorts(record, new Set(up.keys()));
  const args = outletArgs(program, { holder: ground.holder, ports, relays });
  const fits = old !== null && isAlive && old.program === program && old.args.join("\n") === args.join("\n");
  if (fits && needed) return success(undefined);
  if (old !== null && isAlive) {
    tools.programs.kill(old.pid);
    await ended(tools, old.pid);
  }
  keep(work, { outlet: null });
  if (!needed) return success(undefined);
  const started = await startOutlet(tools, layout, { program, args });
  if (started.ok) {
    keep(work, { outlet: started.value });
    return success(undefined);
  }
  // Without a way out they still reach each other; ports that were asked for are another matter.
  if (ports.length > 0) return started;
  const { message, hint } = started.failure;
  work.context.report({
    kind: "notice",
    notice: { code: "no-way-out", environment: null, message, ...(hint ? { hint } : {}) },
  });
  return success(undefined);
}

/** A killed process keeps its ports until it is gone. */
async function ended({ files }: NetworkTools, pid: number): Promise<void> {
  for (
    let tries = 0;
    tries < 200 && files.readText(`/proc/${pid}/stat`)?.includes(") Z ") === false;
    tries += 1
  )
    await new Promise((resolve) => setTimeout(resolve, 5));
}

/**
 * hosts and resolv.conf of all that run already. Those of the others come with their bundle, of which
 * something may be on its way out right now.
 */
function names(work: Work, textsOf: Texts): void {
  const { tools, context, up } = work;
  for (const name of up.keys()) {
    const directory = join(environmentPaths(tools.paths, context.project.id, name).bundle, "etc");
    for (const [file, text] of Object.entries(textsOf(name))) rewrite(directory, file, text);
  }
}

function textsFor(work: Work): Texts {
  const environments = new Map([...work.up].map(([name, { environment }]) => [name, environment]));
  return (name) => {
    const environment = environments.get(name);
    return environment === undefined ? {} : namesFor(work, environment, environments);
  };
}

function namesFor(
  { machine, record, tools }: Pick<Work, "machine" | "record" | "tools">,
  environment: Environment,
  up: ReadonlyMap<string, Environment>,
): Readonly<Record<string, string>> {
  const { network } = environment;
  if (network.kind !== "networks") return {};
  const resolvers = readResolvers();
  const program = machine.ground.kind === "user" ? outletProgram(tools) : null;
  const relay = program === null || resolvers.loopback === null ? null : relayOf(program);
  return {
    hosts: hostsFile(environment, network, { record, up }),
    "resolv.conf": resolvConf(environment.name, network, { record, resolvers, relay }),
  };
}

/** Everything of the project's networks goes; what of it is gone already is fine. */
async function dismantle(work: Work): Promise<Result<Texts, Problem>> {
  const { tools, machine, known } = work;
  const { layout, ground } = machine;
  const { outlet: out } = work.running;
  if (out !== null && isAliveOutlet(tools, out)) tools.programs.kill(out.pid);
  if (ground.kind === "user") {
    // With the process that keeps them, all namespaces and what is in them go.
    if (ground.holder.pid > 0) tools.programs.kill(ground.holder.pid);
  } else {
    const done = await clear(machine, known);
    if (!done.ok) return done;
  }
  await tools.files.remove(layout.directory);
  await restoreForwarding(tools);
  return success(nothing);
}

async function clear(machine: Machine, known: NetworkRecord): Promise<Result<void, Problem>> {
  const { tools, layout } = machine;
  const found = await interfaces(machine);
  if (!found.ok) return found;
  const { lines } = linkWork({ record: known, layout, up: new Map(), interfaces: found.value });
  if (lines.length > 0) {
    const done = await runThere(machine, "ip", { args: ["-batch", "-"], input: `${lines.join("\n")}\n` });
    if (!done.ok) return done;
  }
  const table = await runThere(machine, "nft", {
    args: ["-f", "-"],
    input: `table inet ${layout.table}\ndelete table inet ${layout.table}\n`,
  });
  if (!table.ok) return table;
  const namespaces = (tools.files.list(layout.directory) ?? []).filter((name) => name.endsWith(".netns"));
  return runSteps(
    machine,
    namespaces.map((name) => ({ path: join(layout.directory, name), make: "gone" as const })),
  );
}
