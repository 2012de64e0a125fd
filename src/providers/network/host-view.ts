import { isIP } from "node:net";
import { join } from "node:path";
import { parseSubnet, type Subnet } from "../../host/addresses.ts";
import type { Files } from "../../host/files.ts";
import { trees } from "../../host/trees.ts";

/** What this machine's network looks like from /proc: no command is needed for that. */
export interface HostView {
  /** Destinations of all routes but the default ones. */
  readonly routes: readonly Route[];
  /** Interface of the default route; null: there is no way out. */
  readonly wayOut: string | null;
  /** Of the way out; 1500 without one. */
  readonly mtu: number;
  readonly ipv6: boolean;
  /** There is a default route of IPv6. */
  readonly wayOut6: boolean;
}

export interface Route {
  readonly subnet: Subnet;
  readonly interface: string;
}

export function readHostView(files: Files): HostView {
  const four = lines(files.readText("/proc/self/net/route")).slice(1).map(route4);
  const text6 = files.readText("/proc/self/net/ipv6_route");
  const six = lines(text6).flatMap(route6);
  const wayOut = four.find(({ subnet }) => subnet.prefix === 0)?.interface ?? null;
  const wayOut6 = six.find(({ subnet }) => subnet.prefix === 0)?.interface ?? null;
  const out = wayOut ?? wayOut6;
  // Of the network that this process is in: a sysfs may be that of another one.
  const written = out === null ? Number.NaN : Number(mtuOf(out));
  return {
    routes: [...four, ...six].filter(({ subnet }) => subnet.prefix > 0),
    wayOut: out,
    mtu: written >= 1280 ? Math.min(written, 65_535) : 1500,
    ipv6: text6 !== null,
    wayOut6: wayOut6 !== null,
  };
}

const mtuOf = (name: string): string | null =>
  trees.readThrough(`/proc/sys/net/ipv6/conf/${name}/mtu`) ??
  trees.readThrough(join("/sys/class/net", name, "mtu"));

/** /proc/net/route: hexadecimal in the byte order of the machine, which is little-endian here. */
function route4(line: string): Route {
  const [name = "", destination = "0", , , , , , mask = "0"] = line.split("\t");
  const bytes = (hex: string): bigint => BigInt(Buffer.from(hex, "hex").readUInt32LE(0));
  const prefix = bytes(mask).toString(2).replaceAll("0", "").length;
  return { subnet: { family: 4, base: bytes(destination), prefix }, interface: name };
}

/** Link-local and multicast routes, and those of single addresses, are nobody's subnet. */
function route6(line: string): readonly Route[] {
  const fields = line.trim().split(/\s+/);
  const [destination = "", length = ""] = fields;
  const name = fields.at(-1) ?? "";
  const prefix = Number.parseInt(length, 16);
  const text = (destination.match(/.{4}/g) ?? []).join(":");
  if (/^(fe80|ff)/.test(destination) || prefix === 128 || name === "lo" || isIP(text) !== 6) return [];
  const subnet = parseSubnet(`${text}/${prefix}`, "cut");
  return subnet === null ? [] : [{ subnet, interface: name }];
}

/** A socket that waits for somebody on this machine. */
export interface Listener {
  readonly protocol: "tcp" | "udp";
  /** "0.0.0.0", "127.0.0.1", "::"; as written in `ports`. */
  readonly address: string;
  readonly port: number;
  readonly inode: string;
}

const tables = ["tcp", "tcp6", "udp", "udp6"] as const;

/** All of them, read once for each question. */
export const readListeners = (files: Files): readonly Listener[] =>
  usedTables(files).flatMap((table) => listenersIn(table, files.readText(`/proc/self/net/${table}`)));

/** The same while others work. */
export async function listenersSoon(files: Files): Promise<readonly Listener[]> {
  const found = usedTables(files).map(async (table) =>
    listenersIn(table, await trees.readAside(`/proc/self/net/${table}`)),
  );
  return (await Promise.all(found)).flat();
}

/**
 * Those in which there is a socket: to list one the kernel walks through the table of all connections of the
 * machine, which takes milliseconds; to count them it does not.
 */
function usedTables(files: Files): readonly Table[] {
  const counts = ["sockstat", "sockstat6"].map((file) => files.readText(`/proc/self/net/${file}`) ?? "");
  return tables.filter((table) => !counts.join("\n").includes(`${table.toUpperCase()}: inuse 0`));
}

type Table = (typeof tables)[number];

const listenersIn = (table: Table, text: string | null): readonly Listener[] =>
  lines(text)
    .slice(1)
    .flatMap((line) => listener(table.startsWith("tcp") ? "tcp" : "udp", line));

function listener(protocol: "tcp" | "udp", line: string): readonly Listener[] {
  const fields = line.trim().split(/\s+/);
  const [hex = "", port = "0"] = (fields[1] ?? "").split(":");
  const state = fields[3];
  // TCP in the state LISTEN; of UDP what has no peer.
  if (protocol === "tcp" ? state !== "0A" : !/^0+:0000$/.test(fields[2] ?? "")) return [];
  return [{ protocol, address: addressOf(hex), port: Number.parseInt(port, 16), inode: fields[9] ?? "" }];
}

function addressOf(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, "hex").readUInt32LE(0));
  if (words.length === 1) return [24, 16, 8, 0].map((shift) => ((words[0] ?? 0) >>> shift) & 255).join(".");
  if (words.every((word) => word === 0)) return "::";
  if (words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1) return "::1";
  return words.map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(":");
}

/** Whose socket it is, as far as this caller may know: "python3 (pid 123)". */
export function ownerOf(files: Files, inode: string): string | null {
  for (const pid of trees.list("/proc").filter((name) => /^\d+$/.test(name))) {
    const fds = trees.list(`/proc/${pid}/fd`);
    if (!fds.some((fd) => linkOf(`/proc/${pid}/fd/${fd}`) === `socket:[${inode}]`)) continue;
    return `${files.readText(`/proc/${pid}/comm`)?.trim() ?? "a process"} (pid ${pid})`;
  }
  return null;
}

function linkOf(path: string): string | null {
  try {
    return trees.linkTarget(path);
  } catch {
    // The process ended meanwhile: not the one that is looked for.
    return null;
  }
}

const lines = (text: string | null): readonly string[] =>
  (text ?? "").split("\n").filter((line) => line.trim() !== "");
