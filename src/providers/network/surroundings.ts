import { parseSubnet } from "../../host/addresses.ts";
import { type NetworkRecord, otherNetworks } from "../../state/networks.ts";
import type { Surroundings } from "./allocate.ts";
import { readHostView, readListeners } from "./host-view.ts";
import { largestPacket } from "./outlet.ts";
import type { NetworkTools } from "./tools.ts";

/** What is taken on this machine by others: routes that are not the project's own, and other projects' subnets. */
export function surroundings(tools: NetworkTools, projectId: string, record: NetworkRecord): Surroundings {
  const { files, paths } = tools;
  const view = readHostView(files);
  const own = new Set(Object.values(record.networks).map(({ bridge }) => bridge));
  const others = otherNetworks(files, paths, projectId);
  const subnets = others.flatMap(({ networks }) =>
    Object.values(networks).flatMap(({ subnet, subnet6 }) => [
      parseSubnet(subnet),
      subnet6 === null ? null : parseSubnet(subnet6),
    ]),
  );
  const promised = new Set(
    others.flatMap(({ members }) =>
      Object.values(members).flatMap(({ ports }) => ports.map((port) => `${port.protocol} ${port.host}`)),
    ),
  );
  let listening: ReadonlySet<string> | null = null;
  return {
    occupied: [
      ...view.routes.filter((route) => !own.has(route.interface)).map(({ subnet }) => subnet),
      ...subnets.filter((subnet) => subnet !== null),
    ],
    mtu: tools.host.caller.uid === 0 ? view.mtu : largestPacket,
    ipv6: view.ipv6,
    isFree(port, protocol) {
      listening ??= new Set(readListeners(files).map((one) => `${one.protocol} ${one.port}`));
      return !listening.has(`${protocol} ${port}`) && !promised.has(`${protocol} ${port}`);
    },
  };
}
