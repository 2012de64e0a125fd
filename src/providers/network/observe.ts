import type { Drift } from "../../model/instance.ts";
import { readNetworks } from "../../state/networks.ts";
import type { Context, Observed } from "../provider.ts";
import { forwards } from "./forwarding.ts";
import { isAliveHolder, isNamespace, type Machine } from "./ground.ts";
import { brokenInside } from "./inside.ts";
import { layoutOf } from "./layout.ts";
import { type Interface, signatureOf } from "./links.ts";
import { isAliveOutlet, outletProgram } from "./outlet.ts";
import { type Running, readRunning } from "./running.ts";
import { listing } from "./table.ts";
import type { NetworkTools } from "./tools.ts";
import { interfacesOf } from "./wiring.ts";

type Drifts = ReadonlyMap<string, ReadonlyMap<string, Drift>>;

/** What is missing of the networks of environments that run. One look at the machine for all of them. */
export async function observeNetworks(
  tools: NetworkTools,
  instances: readonly Observed[],
  context: Context,
): Promise<Drifts> {
  const members = instances.filter(
    ({ record }) => record.spec.network.kind === "networks" && !record.stopped,
  );
  const layout = layoutOf(tools.paths, context.project.id);
  const record = readNetworks(tools.files, tools.paths, context.project.id);
  // Without a record of networks these environments use the machine's own, which needs no repair.
  if (members.length === 0 || Object.keys(record.networks).length === 0) return new Map();
  const running = readRunning(tools, layout);
  const isRoot = tools.host.caller.uid === 0;
  if (!isRoot && !isAliveHolder(tools, running.holder))
    return all(members, {
      live: "gone",
      reason: "the process that keeps the network was killed",
      impact: "restart",
    });
  const ground =
    running.holder === null || isRoot
      ? ({ kind: "machine" } as const)
      : ({ kind: "user", holder: running.holder } as const);
  const machine: Machine = { tools, layout, ground };
  const [listed, table] = await Promise.all([interfacesOf(machine), listing(machine)]);
  // Nobody can tell without `ip`: an apply would say so.
  if (!listed.ok) return new Map();
  const shared = sharedDrift(tools, { running, table, isRoot });
  if (shared !== null) return all(members, shared);
  const interfaces = new Map(listed.value.map((one) => [one.ifname, one]));
  return new Map(
    members.flatMap(({ record: { name }, process: { pid } }) => {
      const lost =
        ownDrift(name, { record, running, interfaces }) ??
        (isNamespace(ground, layout.namespace(name)) ? null : "the way to its network namespace is gone") ??
        (pid === null ? null : brokenInside(tools.files, pid, { name, record }));
      return lost === null ? [] : [[name, drift({ live: "broken", reason: lost, impact: "live" })] as const];
    }),
  );
}

function sharedDrift(
  tools: NetworkTools,
  found: { readonly running: Running; readonly table: string | null; readonly isRoot: boolean },
): Drift | null {
  const { running, table, isRoot } = found;
  const broken = (reason: string): Drift => ({ live: "broken", reason, impact: "live" });
  if (table === null) return broken("the nftables table was removed outside Pavlos");
  if (table !== running.listing) return broken("the nftables table was changed outside Pavlos");
  if (isRoot) return forwards() ? null : broken("IP forwarding was switched off outside Pavlos");
  const program = outletProgram(tools);
  return program !== null && running.outlet !== null && !isAliveOutlet(tools, running.outlet)
    ? broken(`${running.outlet.program} was killed: there is no way out`)
    : null;
}

/** Of one environment: null when all is there. */
function ownDrift(
  name: string,
  known: {
    readonly record: ReturnType<typeof readNetworks>;
    readonly running: Running;
    readonly interfaces: ReadonlyMap<string, Interface>;
  },
): string | null {
  const { record, running, interfaces } = known;
  const links = record.members[name]?.links ?? [];
  for (const { network, veth } of links) {
    const bridge = record.networks[network]?.bridge ?? "";
    const found = interfaces.get(bridge);
    if (found === undefined) return `the bridge ${bridge} of the network ${network} was removed`;
    if (found.flags?.includes("UP") !== true) return `the bridge ${bridge} of the network ${network} is down`;
    const link = interfaces.get(veth);
    if (link === undefined) return `its link ${veth} to the network ${network} was removed`;
    if (link.master !== bridge) return `its link ${veth} was taken off the network ${network}`;
    if (link.flags?.includes("UP") !== true) return `its link ${veth} to the network ${network} is down`;
  }
  return running.members[name] === signatureOf(record, links) ? null : "its addresses are not set up";
}

const drift = (value: Drift): ReadonlyMap<string, Drift> => new Map([["network.networks", value]]);

const all = (members: readonly Observed[], value: Drift): Drifts =>
  new Map(members.map(({ record }) => [record.name, drift(value)]));
