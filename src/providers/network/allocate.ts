import {
  type Address,
  formatAddress,
  formatSubnet,
  isForHosts,
  isIn,
  overlap,
  parseAddress,
  parseSubnet,
  type Subnet,
  sizeOf,
  subnetAround,
} from "../../host/addresses.ts";
import type { Environment, NetworkDefinition, OwnNetwork } from "../../model/environment.ts";
import { hashOf } from "../../model/hash.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { LinkState, MemberState, NetworkRecord, NetworkState, PortState } from "../../state/networks.ts";
import { type Layout, startOf } from "./layout.ts";

/** An environment that is to be on networks. */
export interface Member {
  readonly name: string;
  readonly network: OwnNetwork;
}

/** What is taken outside of this project, and how this machine is reached. */
export interface Surroundings {
  readonly occupied: readonly Subnet[];
  /** Bytes that the way out takes at once. */
  readonly mtu: number;
  /** The kernel has IPv6. */
  readonly ipv6: boolean;
  /** Is a port of the machine free for `auto`? */
  readonly isFree: (port: number, protocol: "tcp" | "udp") => boolean;
}

/** Why there is nothing to give, and the field that asks for it. */
export interface AllocationFailure {
  readonly code: string;
  readonly environment: string;
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

export const membersOf = (environments: readonly Environment[]): readonly Member[] =>
  environments.flatMap(({ name, network }) => (network.kind === "networks" ? [{ name, network }] : []));

/**
 * Subnets, addresses and ports for all members: as they were where that still fits, else the first
 * that is free from a point that depends on the name. Pure.
 */
export function allocate(
  members: readonly Member[],
  known: {
    readonly record: NetworkRecord;
    readonly layout: Layout;
    readonly projectId: string;
    readonly around: Surroundings;
  },
): Result<NetworkRecord, AllocationFailure> {
  const networks: Record<string, NetworkState> = {};
  for (const member of members) {
    for (const definition of member.network.networks) {
      if (networks[definition.name] !== undefined) continue;
      const wanted = members.find(
        ({ network }) => network.ip !== null && network.networks[0]?.name === definition.name,
      );
      const made = networkFor(definition, { ...known, networks, member: wanted ?? member });
      if (!made.ok) return made;
      networks[definition.name] = made.value;
    }
  }
  const taken = new Map<string, string>();
  const links = new Map<string, readonly LinkState[]>();
  // Those that name an address or have one come first: nobody else may be given it.
  for (const member of members.toSorted((a, b) => rank(a, known.record) - rank(b, known.record))) {
    const own = linksFor(member, { record: known.record, layout: known.layout, networks, taken });
    if (!own.ok) return own;
    links.set(member.name, own.value);
  }
  const result: Record<string, MemberState> = {};
  const used = new Set<string>();
  for (const { name, network } of members) {
    const ports = portsFor(name, network, { record: known.record, around: known.around, used });
    result[name] = { links: links.get(name) ?? [], ports };
  }
  return success({ version: 1, networks, members: result });
}

function rank(member: Member, record: NetworkRecord): number {
  if (member.network.ip !== null) return 0;
  return record.members[member.name] === undefined ? 2 : 1;
}

interface Choosing {
  readonly record: NetworkRecord;
  readonly layout: Layout;
  readonly projectId: string;
  readonly around: Surroundings;
  /** Chosen so far. */
  readonly networks: Readonly<Record<string, NetworkState>>;
  /** Who asks: the one with an address, if there is one. */
  readonly member: Member;
}

function networkFor(
  definition: NetworkDefinition,
  choosing: Choosing,
): Result<NetworkState, AllocationFailure> {
  const { name, internal } = definition;
  const old = choosing.record.networks[name];
  const { ip, networks } = choosing.member.network;
  const asked = ip !== null && networks[0]?.name === name ? parseAddress(ip) : null;
  const subnet = subnetFor(definition, { ...choosing, asked });
  if (!subnet.ok) return subnet;
  const ipv6 = definition.ipv6 && choosing.around.ipv6;
  const around6 = asked?.family === 6 ? formatSubnet(subnetAround(asked, 64)) : null;
  const subnet6 = definition.subnet6 ?? around6 ?? old?.subnet6 ?? uniqueLocal(choosing.projectId, name);
  return success({
    subnet: subnet.value,
    subnet6: ipv6 ? subnet6 : null,
    internal,
    mtu: definition.mtu ?? choosing.around.mtu,
    bridge: choosing.layout.bridge(name),
  });
}

const pool: Subnet = { family: 4, base: 0x0a80_0000n, prefix: 9 };
const chosenPrefix = 24;

function subnetFor(
  { name, subnet: written }: NetworkDefinition,
  choosing: Choosing & { readonly asked: Address | null },
): Result<string, AllocationFailure> {
  const { record, around, asked, member } = choosing;
  const old = record.networks[name];
  const previous = old === undefined ? null : parseSubnet(old.subnet);
  const occupied = [
    ...around.occupied,
    ...Object.values(choosing.networks).flatMap(({ subnet }) => parseSubnet(subnet) ?? []),
  ].filter((other) => previous === null || formatSubnet(other) !== formatSubnet(previous));
  const isFree = (subnet: Subnet): boolean => !occupied.some((other) => overlap(other, subnet));
  const given = written === null ? null : parseSubnet(written);
  const fixed = given ?? (asked?.family === 4 ? subnetAround(asked, chosenPrefix) : null);
  const fits = previous !== null && (asked?.family !== 4 || isIn(asked, previous));
  // One that works stays, also when somebody has made a route over it since.
  if (given === null && old !== undefined && fits) return success(old.subnet);
  if (fixed !== null) {
    const other = occupied.find((one) => overlap(one, fixed));
    if (other === undefined) return success(formatSubnet(fixed));
    return failure({
      code: "subnet-overlaps",
      environment: member.name,
      path: given === null ? "network.ip" : "network.networks",
      message: `the subnet ${formatSubnet(fixed)} of the network \`${name}\` overlaps ${formatSubnet(other)}, which this machine uses already`,
      hint: "choose another one, or leave it out: a free one is chosen then (`ip route` shows what is used)",
    });
  }
  const choices = Number(sizeOf(pool) >> BigInt(32 - chosenPrefix));
  const start = startOf(`${choosing.projectId}/${name}`, choices);
  for (let step = 0; step < choices; step += 1) {
    const index = BigInt((start + step) % choices);
    const subnet = { family: 4 as const, base: pool.base + (index << 8n), prefix: chosenPrefix };
    if (isFree(subnet)) return success(formatSubnet(subnet));
  }
  return failure({
    code: "no-subnet",
    environment: member.name,
    path: "network.networks",
    message: `no subnet of 10.128.0.0/9 is free for the network \`${name}\``,
    hint: `give it one in pavlos.config.ts: networks: { ${name}: { subnet: "192.168.77.0/24" } }`,
  });
}

/** RFC 4193: unique without asking anybody. */
function uniqueLocal(projectId: string, name: string): string {
  const digest = hashOf(`${projectId}/${name}`);
  const groups = [`fd${digest.slice(0, 2)}`, digest.slice(2, 6), digest.slice(6, 10), digest.slice(10, 14)];
  return formatSubnet(subnetAround(parseAddress(`${groups.join(":")}::`) as Address, 64));
}

function linksFor(
  member: Member,
  known: {
    readonly record: NetworkRecord;
    readonly layout: Layout;
    readonly networks: Readonly<Record<string, NetworkState>>;
    /** "network address" -> environment. */
    readonly taken: Map<string, string>;
  },
): Result<readonly LinkState[], AllocationFailure> {
  const links: LinkState[] = [];
  for (const [index, { name }] of member.network.networks.entries()) {
    const network = known.networks[name] as NetworkState;
    const old = known.record.members[member.name]?.links.find((link) => link.network === name);
    const given = index === 0 && member.network.ip !== null ? parseAddress(member.network.ip) : null;
    const choose = (written: string, previous: string | null | undefined) =>
      addressIn(parseSubnet(written) as Subnet, {
        given,
        previous: previous == null ? null : parseAddress(previous),
        isTaken: (address) => known.taken.has(`${name} ${address}`),
        start: startOf(member.name, 1 << 30),
      });
    const ip = choose(network.subnet, old?.ip);
    const ip6 = network.subnet6 === null ? null : choose(network.subnet6, old?.ip6);
    if (ip === null || (network.subnet6 !== null && ip6 === null))
      return failure(noAddress(member, name, known.taken.get(`${name} ${member.network.ip}`), network));
    for (const address of [ip, ip6]) if (address !== null) known.taken.set(`${name} ${address}`, member.name);
    const veth = known.layout.veth(member.name, name);
    links.push({ network: name, ip, ip6, veth, name: `eth${index}` });
  }
  return success(links);
}

function addressIn(
  subnet: Subnet,
  choice: {
    readonly given: Address | null;
    readonly previous: Address | null;
    readonly isTaken: (address: string) => boolean;
    readonly start: number;
  },
): string | null {
  const { given, previous, isTaken } = choice;
  const usable = (address: Address): boolean =>
    isForHosts(address, subnet) && address.value !== subnet.base + 1n && !isTaken(formatAddress(address));
  if (given?.family === subnet.family) return usable(given) ? formatAddress(given) : null;
  if (previous !== null && usable(previous)) return formatAddress(previous);
  const size = sizeOf(subnet) < 65_536n ? Number(sizeOf(subnet)) : 65_536;
  for (let step = 2; step < size; step += 1) {
    const address = { family: subnet.family, value: subnet.base + BigInt(step) };
    if (usable(address)) return formatAddress(address);
  }
  return null;
}

function noAddress(
  member: Member,
  network: string,
  holder: string | undefined,
  { subnet }: NetworkState,
): AllocationFailure {
  const { ip } = member.network;
  if (ip === null)
    return {
      code: "no-address",
      environment: member.name,
      path: "network.networks",
      message: `the subnet ${subnet} of the network \`${network}\` is full`,
      hint: "give the network a larger subnet in pavlos.config.ts",
    };
  return {
    code: holder === undefined ? "address-outside" : "address-taken",
    environment: member.name,
    path: "network.ip",
    message:
      holder === undefined
        ? `the address ${ip} is not one for environments in ${subnet}, the subnet of \`${network}\``
        : `the address ${ip} is ${holder}'s already`,
    hint: "choose another one, or leave it out: one is chosen then",
  };
}

const firstAuto = 20_000;
const autoPorts = 10_000;

function portsFor(
  environment: string,
  { ports }: OwnNetwork,
  known: {
    readonly record: NetworkRecord;
    readonly around: Surroundings;
    readonly used: Set<string>;
  },
): readonly PortState[] {
  const before = known.record.members[environment]?.ports ?? [];
  return ports.map((port) => {
    if (port.host !== null) return { ...port, host: port.host, auto: false };
    const old = before.find(
      (other) =>
        other.auto &&
        other.container === port.container &&
        other.protocol === port.protocol &&
        !known.used.has(`${port.protocol} ${other.host}`),
    );
    const host =
      old?.host ?? freePort(`${environment}/${port.container}/${port.protocol}`, port.protocol, known);
    known.used.add(`${port.protocol} ${host}`);
    return { ...port, host, auto: true };
  });
}

function freePort(
  name: string,
  protocol: "tcp" | "udp",
  { around, used }: { readonly around: Surroundings; readonly used: ReadonlySet<string> },
): number {
  const start = startOf(name, autoPorts);
  for (let step = 0; step < autoPorts; step += 1) {
    const port = firstAuto + ((start + step) % autoPorts);
    if (!used.has(`${protocol} ${port}`) && around.isFree(port, protocol)) return port;
  }
  return firstAuto + start;
}
