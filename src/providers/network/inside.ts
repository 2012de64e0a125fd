import { parseAddress } from "../../host/addresses.ts";
import type { Files } from "../../host/files.ts";
import type { NetworkRecord } from "../../state/networks.ts";

/**
 * What is missing of an environment's links inside, in words; null: nothing, or nobody can tell. Read from
 * /proc of one of its processes: the kernel's own view of that network, without a process for it. Of a
 * link that is down it knows no address.
 */
export function brokenInside(
  files: Files,
  pid: number,
  known: { readonly name: string; readonly record: NetworkRecord },
): string | null {
  const { record, name } = known;
  const addresses = files.readText(`/proc/${pid}/net/fib_trie`);
  const addresses6 = files.readText(`/proc/${pid}/net/if_inet6`);
  const links = record.members[name]?.links ?? [];
  for (const { ip, ip6, network, name: link } of links) {
    const lost = hasAddress(addresses, ip) ? (hasAddress6(addresses6, ip6) ? null : ip6) : ip;
    if (lost !== null)
      return `its address ${lost} on the network ${network} is gone, or its link ${link} is down`;
  }
  const leadsOut = links.some(({ network }) => record.networks[network]?.internal === false);
  const routes = leadsOut ? files.readText(`/proc/${pid}/net/route`) : null;
  return routes === null || /^\S+\t0{8}\t/m.test(routes)
    ? null
    : "its way out (the default route) was removed";
}

const hasAddress = (text: string | null, ip: string): boolean =>
  text === null || new RegExp(`\\|-- ${ip.replaceAll(".", "\\.")}\\s+/32 host LOCAL`).test(text);

/** Each line begins with the 32 hex digits of an address. */
function hasAddress6(text: string | null, ip: string | null): boolean {
  const address = ip === null ? null : parseAddress(ip);
  if (text === null || address === null) return true;
  return new RegExp(`^${address.value.toString(16).padStart(32, "0")} `, "m").test(text);
}
