import type { LinkState, NetworkRecord, NetworkState } from "../../state/networks.ts";
import type { Step } from "./ground.ts";
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
  /** Lines for `ip -batch`. */
  readonly lines: readonly string[];
  /** Environments whose namespace has to be set up afterwards. */
  readonly fresh: readonly string[];
  /** Bridges that are made. */
  readonly bridges: readonly string[];
}

/** What has to be done to the machine's interfaces: nothing when all is as it should be. Pure. */
export function linkWork(input: LinkInput): LinkWork {
  const { record, up } = input;
  const known = new Map(input.interfaces.map((one) => [one.ifname, one]));
  const lines = removals(input);
  const bridges: string[] = [];
  for (const network of activeNetworks(record, up.keys())) {
    const work = bridgeLines(network, known.get(network.bridge));
    lines.push(...work);
    if (work.length > 0) bridges.push(network.bridge);
  }
  const fresh: string[] = [];
  for (const [name, signature] of up) {
    const links = record.members[name]?.links ?? [];
    const ready = signature === signatureOf(record, links) && links.every(({ veth }) => known.has(veth));
    if (!ready) fresh.push(name);
    for (const link of links) {
      const { bridge } = record.networks[link.network] as NetworkState;
      const rebuilt = bridges.includes(bridge);
      lines.push(...vethLines(link, { input, name, ready, rebuilt, known: known.get(link.veth) }));
    }
  }
  return { lines, fresh, bridges };
}

/** Networks that somebody uses who is to run. */
export function activeNetworks(record: NetworkRecord, up: Iterable<string>): readonly NetworkState[] {
  const names = new Set([...up].flatMap((name) => (record.members[name]?.links ?? []).map((l) => l.network)));
  return Object.entries(record.networks).flatMap(([name, network]) => (names.has(name) ? [network] : []));
}

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
function removals({ record, up, interfaces }: LinkInput): string[] {
  const active = activeNetworks(record, up.keys()).map(({ bridge }) => bridge);
  const linksOf = (names: Iterable<string>): readonly string[] =>
    [...names].flatMap((name) => (record.members[name]?.links ?? []).map(({ veth }) => veth));
  const wanted = new Set([...active, ...linksOf(up.keys())]);
  const bridges = Object.values(record.networks).map(({ bridge }) => bridge);
  const own = new Set([...bridges, ...linksOf(Object.keys(record.members))]);
  return interfaces
    .filter(({ ifname, master }) => !wanted.has(ifname) && (own.has(ifname) || own.has(master ?? "")))
    .map(({ ifname }) => `link del dev ${ifname}`);
}

function bridgeLines(network: NetworkState, found: Interface | undefined): readonly string[] {
  const { bridge, subnet, subnet6, mtu } = network;
  const four = `${gatewayOf(subnet)}/${subnet.split("/")[1]}`;
  const six = subnet6 === null ? null : `${gatewayOf(subnet6)}/${subnet6.split("/")[1]}`;
  const addresses = (found?.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`);
  const fits = [four, six].every((address) => address === null || addresses.includes(address));
  if (found !== undefined && fits && found.mtu === mtu && isUp(found)) return [];
  return [
    ...(found === undefined ? [] : [`link del dev ${bridge}`]),
    `link add name ${bridge} mtu ${mtu} type bridge`,
    `addr add ${four} dev ${bridge}`,
    ...(six === null ? [] : [`addr add ${six} dev ${bridge} nodad`]),
    `link set dev ${bridge} up`,
  ];
}

const isUp = (found: Interface | undefined): boolean => found?.flags?.includes("UP") === true;

function vethLines(
  link: LinkState,
  about: {
    readonly input: LinkInput;
    readonly name: string;
    readonly ready: boolean;
    /** Its bridge is a new one. */
    readonly rebuilt: boolean;
    readonly known: Interface | undefined;
  },
): readonly string[] {
  const { input, name, ready, rebuilt, known } = about;
  const { bridge, mtu } = input.record.networks[link.network] as NetworkState;
  // hairpin: where the kernel filters bridges, it turns a published port used by its own container around here.
  const attached = [
    `link set dev ${link.veth} master ${bridge} up`,
    `link set dev ${link.veth} type bridge_slave hairpin on`,
  ];
  if (ready) return known?.master === bridge && isUp(known) && !rebuilt ? [] : attached;
  const place = input.layout.namespace(name);
  return [
    ...(known === undefined ? [] : [`link del dev ${link.veth}`]),
    `link add ${link.veth} mtu ${mtu} type veth peer name ${link.name} address ${hardwareAddress(link.ip)} mtu ${mtu} netns ${place}`,
    ...attached,
  ];
}

/** The same for the same address, also after a recreate: neighbours find it again without asking. */
export const hardwareAddress = (ip: string): string =>
  ["0a", "58", ...ip.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");
