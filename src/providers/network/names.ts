import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { Environment, OwnNetwork } from "../../model/environment.ts";
import type { NetworkRecord } from "../../state/networks.ts";
import { gatewayOf } from "./rules.ts";

const loopback = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";

/** Name servers of the machine, as an environment on a network can reach them. */
export interface Resolvers {
  /** Lines of resolv.conf that are no name server: search, options. */
  readonly rest: readonly string[];
  readonly servers: readonly string[];
  /** The machine's server listens on a loopback address only: the bridge passes questions on to it. */
  readonly loopback: string | null;
}

/** Upstream servers of systemd-resolved, whose own address answers only on the machine itself. */
const upstreamFile = "/run/systemd/resolve/resolv.conf";

export function readResolvers(): Resolvers {
  const own = parse(trees.readThrough("/etc/resolv.conf") ?? "");
  const usable = own.servers.filter((server) => !isLoopback(server));
  if (usable.length > 0) return { rest: own.rest, servers: usable, loopback: null };
  const upstream = parse(trees.readThrough(upstreamFile) ?? "");
  const beyond = upstream.servers.filter((server) => !isLoopback(server));
  if (beyond.length > 0) return { rest: own.rest, servers: beyond, loopback: null };
  const local = own.servers.find((server) => server.startsWith("127.")) ?? null;
  return { rest: own.rest, servers: [], loopback: local };
}

const isLoopback = (server: string): boolean => server.startsWith("127.") || server === "::1";

function parse(text: string): { readonly rest: readonly string[]; readonly servers: readonly string[] } {
  const lines = text.split("\n").map((line) => line.trim());
  return {
    servers: lines.flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []),
    rest: lines.filter((line) => /^(search|domain|options|sortlist)\s/.test(line)),
  };
}

/** /etc/resolv.conf of an environment on networks. `relay`: an address that answers for the machine's servers. */
export function resolvConf(
  name: string,
  network: OwnNetwork,
  about: { readonly record: NetworkRecord; readonly resolvers: Resolvers; readonly relay: string | null },
): string {
  const { record, resolvers, relay } = about;
  const out = record.members[name]?.links
    .map((link) => record.networks[link.network])
    .find((found) => found?.internal === false);
  const machine =
    relay !== null
      ? [relay]
      : resolvers.loopback !== null && out !== undefined
        ? [gatewayOf(out.subnet)]
        : resolvers.servers;
  const servers = network.dns.length > 0 ? network.dns : out === undefined ? [] : machine;
  return [...resolvers.rest, ...servers.map((server) => `nameserver ${server}`), ""].join("\n");
}

/**
 * /etc/hosts of an environment on networks: itself, and everybody who is to run on the networks that
 * it shares with them. What the file names itself comes first, because the first line wins.
 */
export function hostsFile(
  environment: Environment,
  network: OwnNetwork,
  about: { readonly record: NetworkRecord; readonly up: ReadonlyMap<string, Environment> },
): string {
  const { record, up } = about;
  const given = Object.entries(network.hosts).map(([name, address]) => `${address} ${name}`);
  const own = entries(environment, record, null);
  const others = [...up.values()]
    .filter(({ name }) => name !== environment.name)
    .flatMap((other) => entries(other, record, environment.name));
  return `${[loopback.trimEnd(), ...given, ...own, ...others].join("\n")}\n`;
}

/** Lines of one environment; seen from another one only those of shared networks. */
function entries(
  { name, hostname, network }: Environment,
  record: NetworkRecord,
  from: string | null,
): readonly string[] {
  if (network.kind !== "networks") return [];
  const seen =
    from === null ? null : new Set((record.members[from]?.links ?? []).map((link) => link.network));
  const names = [...new Set([name, hostname, ...network.aliases])].join(" ");
  return (record.members[name]?.links ?? [])
    .filter((link) => seen === null || seen.has(link.network))
    .flatMap(({ ip, ip6 }) => [`${ip} ${names}`, ...(ip6 === null ? [] : [`${ip6} ${names}`])]);
}

/**
 * Rewrites a file that a container has mounted: in place, because a mount stays with the file that it
 * was made of. A reader may see half of it for an instant; nothing else can be changed under it.
 */
export function rewrite(directory: string, name: string, text: string): void {
  const path = join(directory, name);
  if (trees.readThrough(path) === text) return;
  trees.overwrite(path, text);
}
