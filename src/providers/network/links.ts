import type { LinkState, NetworkRecord, NetworkState } from "../../state/networks.ts";
import type { Link, Step } from "./ground.ts";
import type { Layout } from "./layout.ts";
import { gatewayOf } from "./rules.ts";

/** An interface as `ip -j addr` has it. */
export interface Interface {
  readonly ifname: string;
  /** Name of the bridge that it is on. */
  readonly master?: string;
  readonly mtu?: number;
  readonly flags?: readonly string[];
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
}

export interface LinkInput {
  readonly record: NetworkRecord;
  readonly layout: Layout;
  /** Environments that are to run, with the signature of the links that their namespace has; null: none yet. */
  readonly up: ReadonlyMap<string, string | null>;
  readonly interfaces: readonly Interface[];
}

export interface LinkWork {
  /** Interfaces that go. */
  readonly remove: readonly string[];
  /** Interfaces that are made or changed, where the bridges are. */
  readonly links: readonly Link[];
  /** Environments whose namespace has to be set up afterwards. */
  readonly fresh: readonly string[];
  /** Bridges that are made. */
  readonly bridges: readonly string[];
}

/** What has to be done to the machine's interfaces: nothing when all is as it should be. Pure. */
export function linkWork(input: LinkInput): LinkWork {
  const { record, up } = input;
  const known = new Map(input.interfaces.map((one) => [one.ifname, one]));
  const made = activeNetworks(record, up.keys()).filter(
    (network) => !isWhole(network, known.get(network.bridge)),
  );
  const bridges = made.map(({ bridge }) => bridge);
  const links: Link[] = made.map(bridgeOf);
  const fresh: string[] = [];
  for (const [name, signature] of up) {
    const own = record.members[name]?.links ?? [];
    const ready = signature === signatureOf(record, own) && own.every(({ veth }) => known.has(veth));
    if (!ready) fresh.push(name);
    for (const link of own) {
      const network = record.networks[link.network] as NetworkState;
      const { bridge } = network;
      if (!ready) links.push(pairOf(link, network, input.layout.namespace(name)));
      else if (bridges.includes(bridge) || !isAttached(known.get(link.veth), bridge))
        links.push({ name: link.veth, bridge });
    }
  }
  const replaced = links.filter(({ name, make }) => make !== undefined && known.has(name));
  return { remove: [...removals(input), ...replaced.map(({ name }) => name)], links, fresh, bridges };
}

/** Networks that somebody uses who is to run. */
export function activeNetworks(record: NetworkRecord, up: Iterable<string>): readonly NetworkState[] {
  const names = new Set([...up].flatMap((name) => (record.members[name]?.links ?? []).map((l) => l.network)));
  return Object.entries(record.networks).flatMap(([name, network]) => (names.has(name) ? [network] : []));
}

/** Of every interface on this side that belongs to the networks. */
export const namesOf = ({ networks, members }: NetworkRecord): readonly string[] => [
  ...Object.values(networks).map(({ bridge }) => bridge),
  ...Object.values(members).flatMap(({ links }) => links.map(({ veth }) => veth)),
];

/** Everything that a namespace's links depend on. */
export function signatureOf(record: NetworkRecord, links: readonly LinkState[]): string {
  const parts = links.map(({ network, ip, ip6, name }) => {
    const { subnet, subnet6, mtu, internal } = record.networks[network] as NetworkState;
    return [name, ip, ip6, subnet, subnet6, mtu, internal];
  });
  return JSON.stringify(parts);
}

/** Addresses and the way out, inside: only one network of each family leads out. */
export function linkSteps(
  name: string,
  known: {
    readonly record: NetworkRecord;
    readonly layout: Layout;
    /** Groups that may use ping without further rights, "first last". */
    readonly pingGroups: string;
  },
): Step {
  const { record, layout, pingGroups } = known;
  const links = record.members[name]?.links ?? [];
  const out = links.find(({ network }) => record.networks[network]?.internal === false);
  return {
    path: layout.namespace(name),
    links: links.map((link) => {
      const network = record.networks[link.network] as NetworkState;
      const [, prefix] = network.subnet.split("/");
      const [, prefix6] = (network.subnet6 ?? "/").split("/");
      return {
        name: link.name,
        addresses: [`${link.ip}/${prefix}`, ...(link.ip6 === null ? [] : [`${link.ip6}/${prefix6}`])],
        gateways: link === out ? gatewaysOf(network) : [],
      };
    }),
    // Servers need no rights for port 80: there is nobody here whom that would protect.
    sysctl: { "net/ipv4/ip_unprivileged_port_start": "0", "net/ipv4/ping_group_range": pingGroups },
  };
}

export const gatewaysOf = ({ subnet, subnet6 }: NetworkState): readonly string[] => [
  gatewayOf(subnet),
  ...(subnet6 === null ? [] : [gatewayOf(subnet6)]),
];

/** The project's interfaces that nobody wants any more; those that are on its bridges, whoever put them there. */
function removals({ record, up, interfaces }: LinkInput): readonly string[] {
  const active = activeNetworks(record, up.keys()).map(({ bridge }) => bridge);
  const linksOf = (names: Iterable<string>): readonly string[] =>
    [...names].flatMap((name) => (record.members[name]?.links ?? []).map(({ veth }) => veth));
  const wanted = new Set([...active, ...linksOf(up.keys())]);
  const own = new Set(namesOf(record));
  return interfaces
    .filter(({ ifname, master }) => !wanted.has(ifname) && (own.has(ifname) || own.has(master ?? "")))
    .map(({ ifname }) => ifname);
}

const addressesOf = ({ subnet, subnet6 }: NetworkState): readonly string[] =>
  [subnet, subnet6].flatMap((one) => (one === null ? [] : [`${gatewayOf(one)}/${one.split("/")[1]}`]));

function isWhole(network: NetworkState, found: Interface | undefined): boolean {
  const addresses = (found?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  const hasAll = addressesOf(network).every((address) => addresses.includes(address));
  return hasAll && found?.mtu === network.mtu && isUp(found);
}

const bridgeOf = (network: NetworkState): Link => ({
  name: network.bridge,
  make: "bridge",
  mtu: network.mtu,
  addresses: addressesOf(network),
});

const isUp = (found: Interface | undefined): boolean => found?.flags?.includes("UP") === true;

const isAttached = (found: Interface | undefined, bridge: string): boolean =>
  found?.master === bridge && isUp(found);

const pairOf = ({ veth, name, ip }: LinkState, { bridge, mtu }: NetworkState, namespace: string): Link => ({
  name: veth,
  make: { pair: { name, hardware: hardwareAddress(ip), namespace } },
  mtu,
  bridge,
});

/** The same for the same address, also after a recreate: neighbours find it again without asking. */
export const hardwareAddress = (ip: string): string =>
  ["0a", "58", ...ip.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");
