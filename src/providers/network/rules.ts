import { formatAddress, parseSubnet } from "../../host/addresses.ts";
import type { NetworkRecord, NetworkState, PortState } from "../../state/networks.ts";

export interface RuleInput {
  readonly table: string;
  readonly record: NetworkRecord;
  /** Environments whose ports are open: those that are to run. */
  readonly open: ReadonlySet<string>;
  /** Addresses of this machine count where they are written; in a user's own network they do not exist. */
  readonly place: "machine" | "user network";
  /** The machine's name server when that listens on a loopback address only; null: it does not. */
  readonly loopbackDns: string | null;
}

/**
 * The project's table, whole: replacing it is one transaction, so that a crash leaves the old rules
 * or the new ones. It only ever accepts or drops what comes from or goes to the project's own bridges,
 * and no other table is touched. Pure.
 */
export function rulesOf(input: RuleInput): string {
  const { table, record } = input;
  // Internal ones first: nothing that comes from them is accepted by the rules of another.
  const networks = Object.values(record.networks).sort((a, b) => Number(b.internal) - Number(a.internal));
  const inside = (lines: readonly string[]): string => lines.map((line) => `\t\t${line}\n`).join("");
  const chain = (name: string, hook: string | null, lines: readonly string[]): string =>
    `\tchain ${name} {\n${inside(hook === null ? lines : [`type ${hook}; policy accept;`, ...lines])}\t}\n`;
  return [
    `table inet ${table}`,
    `delete table inet ${table}`,
    `table inet ${table} {`,
    chain("guard", "filter hook prerouting priority raw", networks.map(guard)) +
      chain("ports", null, portRules(input)) +
      chain("incoming", "nat hook prerouting priority dstnat", [
        ...dnsRules(networks, input.loopbackDns),
        "fib daddr type local jump ports",
      ]) +
      chain("local", "nat hook output priority -100", ["fib daddr type local jump ports"]) +
      chain("leaving", "nat hook postrouting priority srcnat", networks.flatMap(leaving)) +
      chain("forward", "filter hook forward priority filter", networks.flatMap(forwarding)) +
      "}",
    "",
  ].join("\n");
}

/** Loopback addresses are routed for the sake of published ports: nobody on a bridge may use that. */
const guard = ({ bridge }: NetworkState): string => `iifname "${bridge}" ip daddr 127.0.0.0/8 drop`;

const dnsRules = (networks: readonly NetworkState[], server: string | null): readonly string[] =>
  server === null
    ? []
    : networks
        .filter(({ internal }) => !internal)
        .map(
          ({ bridge, subnet }) =>
            `iifname "${bridge}" ip daddr ${gatewayOf(subnet)} meta l4proto { tcp, udp } th dport 53 dnat ip to ${server}:53`,
        );

function portRules({ record, open, place }: RuleInput): readonly string[] {
  return Object.entries(record.members).flatMap(([name, { links, ports }]) => {
    const link = links.find(({ network }) => record.networks[network]?.internal === false);
    if (!open.has(name) || link === undefined) return [];
    return ports.flatMap((port) => {
      const six = link.ip6 !== null && port.address?.includes(".") !== true;
      const four = port.address?.includes(":") !== true;
      return [
        ...(four ? portRule(port, { family: "ip", to: link.ip, place }) : []),
        ...(six && link.ip6 !== null ? portRule(port, { family: "ip6", to: link.ip6, place }) : []),
      ];
    });
  });
}

function portRule(
  port: PortState,
  target: { readonly family: "ip" | "ip6"; readonly to: string; readonly place: RuleInput["place"] },
): readonly string[] {
  const { family, to, place } = target;
  const { address, protocol, host, container, count } = port;
  const isLoopback = address?.startsWith("127.") === true || address === "::1";
  const only = address !== null && (place === "machine" || isLoopback) ? `${family} daddr ${address} ` : "";
  const match = `meta nfproto ${family === "ip" ? "ipv4" : "ipv6"} ${only}${protocol} dport`;
  const aim = (inner: string): string =>
    family === "ip" ? `${to}${inner}` : inner === "" ? to : `[${to}]${inner}`;
  // The port stays what it was: one rule serves a whole range.
  if (host === container && count > 1)
    return [`${match} ${host}-${host + count - 1} dnat ${family} to ${aim("")}`];
  return Array.from(
    { length: count },
    (_, index) => `${match} ${host + index} dnat ${family} to ${aim(`:${container + index}`)}`,
  );
}

function leaving({ bridge, subnet, subnet6, internal }: NetworkState): readonly string[] {
  return [
    // A published port used from its own network: the answer has to come back through here.
    `ip saddr ${subnet} ip daddr ${subnet} ct status dnat masquerade`,
    `ip saddr 127.0.0.0/8 oifname "${bridge}" masquerade`,
    ...(subnet6 === null ? [] : [`ip6 saddr ${subnet6} ip6 daddr ${subnet6} ct status dnat masquerade`]),
    ...(internal
      ? []
      : [
          `ip saddr ${subnet} oifname != "${bridge}" masquerade`,
          ...(subnet6 === null ? [] : [`ip6 saddr ${subnet6} oifname != "${bridge}" masquerade`]),
        ]),
  ];
}

function forwarding({ bridge, internal }: NetworkState): readonly string[] {
  const within = `iifname "${bridge}" oifname "${bridge}" accept`;
  if (internal) return [within, `iifname "${bridge}" drop`, `oifname "${bridge}" drop`];
  return [
    within,
    `oifname "${bridge}" ct state established,related accept`,
    `oifname "${bridge}" ct status dnat accept`,
    `oifname "${bridge}" drop`,
  ];
}

/** The bridge's own address: the first one. */
export function gatewayOf(subnet: string): string {
  const parsed = parseSubnet(subnet);
  if (parsed === null) throw new Error(`${subnet} is no subnet`);
  return formatAddress({ family: parsed.family, value: parsed.base + 1n });
}
