import { formatAddress, parseAddress } from "../../host/addresses.ts";
import type { Port } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Saying } from "../problem.ts";

const forms = '"8080:80", "127.0.0.1:8080:80/udp", "8000-8009:8000-8009" or "auto:3000"';
const most = 1024;

/** One published port as it is written. */
export function parsePort(text: string): Result<Port, Saying> {
  const wrong = (message: string, hint?: string): Result<Port, Saying> =>
    failure({ code: "wrong-port", message, expected: forms, hint });
  const match = /^(?:(\[[^\]]*\]|[^:[\]]+):)?([^:]+):([^:/]+)(?:\/(.+))?$/.exec(text);
  if (match === null) {
    const inside = /^(\d+)(\/\w+)?$/.exec(text);
    return wrong(
      `"${text}" is not a published port`,
      inside ? `"auto:${text}" chooses a free port, "${inside[1]}:${text}" takes the same one` : undefined,
    );
  }
  const [, where, outside = "", inner = "", protocol = "tcp"] = match;
  if (protocol !== "tcp" && protocol !== "udp") return wrong(`"${protocol}" is not a protocol`, "tcp or udp");
  const address = where === undefined ? null : parseAddress(where.replace(/^\[|\]$/g, ""));
  if (where !== undefined && address === null) return wrong(`"${where}" is not an address`);
  const container = parseRange(inner);
  const host = outside === "auto" ? null : parseRange(outside);
  if (container === null || (host === null && outside !== "auto"))
    return wrong(`"${container === null ? inner : outside}" is not a port`, "a port is 1 to 65535");
  if (host !== null && host.count !== container.count)
    return wrong(`${host.count} ports cannot lead to ${container.count}`, "make both ranges equally long");
  if (host === null && container.count > 1) return wrong("auto chooses single ports, not a range");
  if (container.count > most)
    return wrong(`${container.count} ports are too many at once`, `at most ${most}`);
  return success({
    address: address === null || isAny(address.value) ? null : formatAddress(address),
    host: host?.first ?? null,
    container: container.first,
    count: container.count,
    protocol,
  });
}

/** 0.0.0.0 and :: are all addresses, as is none. */
const isAny = (value: bigint): boolean => value === 0n;

/** Do two ports want the same one of the machine? */
export function collide(left: Port, right: Port): boolean {
  if (left.host === null || right.host === null || left.protocol !== right.protocol) return false;
  if (left.address !== null && right.address !== null && left.address !== right.address) return false;
  return left.host < right.host + right.count && right.host < left.host + left.count;
}

function parseRange(text: string): { readonly first: number; readonly count: number } | null {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  if (match === null) return null;
  const [first, last] = [Number(match[1]), Number(match[2] ?? match[1])];
  return first >= 1 && last <= 65_535 && last >= first ? { first, count: last - first + 1 } : null;
}
