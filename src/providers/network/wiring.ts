import { join } from "node:path";
import { type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import type { NetworkRecord } from "../../state/networks.ts";
import { allowForwarding } from "./forwarding.ts";
import { isNamespace, type Machine, pingGroups, runSteps, runThere, type Step } from "./ground.ts";
import { readHostView } from "./host-view.ts";
import { brokenInside } from "./inside.ts";
import { activeNetworks, type Interface, linkSteps, linkWork, namesOf, signatureOf } from "./links.ts";
import { keep, type Work } from "./work.ts";

/** Namespaces, bridges and the pairs between them: one command for any number of environments, and one look before it. */
export async function wire(work: Work): Promise<Result<void, Problem>> {
  const { tools, machine, record, known, up } = work;
  const { layout, ground } = machine;
  const found = seesNone(machine, known) ? success([]) : await interfacesOf(machine);
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
  const { ipv6 } = readHostView(tools.files);
  const made = toDo.fresh.map((name): Step => ({ path: layout.namespace(name), make: makeOf(work, name) }));
  if (made.length > 0) tools.files.makeDirectory(layout.directory, 0o700);
  const settings = ground.kind === "user" && made.length > 0 ? [userNetwork] : [];
  const changed = toDo.remove.length + toDo.links.length > 0;
  const done = await runSteps(machine, [
    ...made,
    ...settings,
    ...(changed ? [{ remove: toDo.remove, links: toDo.links }] : []),
    // After the links into them: the kernel removes those in its own time otherwise.
    ...goneSteps(machine, (name) => !up.has(name)),
    ...toDo.bridges.map((bridge): Step => ({ sysctl: bridgeSettings(bridge, ipv6) })),
    ...toDo.fresh.map((name) => linkSteps(name, { record, layout, pingGroups: pingGroups(tools) })),
  ]);
  if (!done.ok) return done;
  const ready = [...up.keys()].map((name) => [name, signatureOf(record, record.members[name]?.links ?? [])]);
  keep(work, { members: Object.fromEntries(ready) });
  return success(undefined);
}

/** Takes away every interface and namespace of the project. */
export async function unwire(machine: Machine, known: NetworkRecord): Promise<Result<void, Problem>> {
  const found = seesNone(machine, known) ? success([]) : await interfacesOf(machine);
  if (!found.ok) return found;
  const { remove } = linkWork({
    record: known,
    layout: machine.layout,
    up: new Map(),
    interfaces: found.value,
  });
  const gone = goneSteps(machine, () => true);
  return await runSteps(machine, [...(remove.length > 0 ? [{ remove }] : []), ...gone]);
}

/** No packet there meets a wire: senders need not find out how much one takes, nor wait between packets. */
const userNetwork: Step = {
  sysctl: { "net/ipv4/ip_forward": "1", "net/ipv4/tcp_congestion_control": "reno" },
};

/** Namespaces of environments that need none any more. */
const goneSteps = ({ tools, layout }: Machine, isGone: (name: string) => boolean): readonly Step[] =>
  (tools.files.list(layout.directory) ?? [])
    .filter((file) => file.endsWith(".netns") && isGone(file.replace(/\.netns$/, "")))
    .map((file) => ({ path: join(layout.directory, file), make: "gone" }));

/** A container that runs has its namespace already: only the way to it was lost. */
function makeOf(work: Work, name: string): NonNullable<Step["make"]> {
  const pid = work.up.get(name)?.pid ?? null;
  return pid === null ? "missing" : { of: pid };
}

/** The kernel lists the names in a file: where none of the project's is, there is nothing to ask `ip` for. */
function seesNone({ tools, ground }: Machine, known: NetworkRecord): boolean {
  const process = ground.kind === "machine" ? "self" : String(ground.holder.pid);
  const listed = tools.files.readText(`/proc/${process}/net/dev`);
  const names = new Set([...(listed ?? "").matchAll(/^\s*(\S+?):/gm)].map(([, name]) => name));
  return listed !== null && !namesOf(known).some((name) => names.has(name));
}

/** All of them, as `ip` has them. */
export async function interfacesOf(machine: Machine): Promise<Result<readonly Interface[], Problem>> {
  const listed = await runThere(machine, "ip", { args: ["-j", "addr", "show"] });
  if (!listed.ok) return listed;
  return success(parseInterfaces(listed.value));
}

function parseInterfaces(text: string): readonly Interface[] {
  const value: unknown = text.trim() === "" ? [] : JSON.parse(text);
  // Some versions of ip print an empty object for what they leave out.
  return Array.isArray(value) ? value.filter((one): one is Interface => typeof one?.ifname === "string") : [];
}

/** Answers from a container to 127.0.0.1 come back through the bridge: for published ports on loopback. */
const bridgeSettings = (bridge: string, ipv6: boolean): Readonly<Record<string, string>> => ({
  [`net/ipv4/conf/${bridge}/route_localnet`]: "1",
  ...(ipv6 ? { [`net/ipv6/conf/${bridge}/accept_ra`]: "0" } : {}),
});
