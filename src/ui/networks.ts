import type { Port } from "../model/environment.ts";
import { formatPort } from "../model/port.ts";
import { renderTable } from "./table.ts";
import type { Style } from "./terminal.ts";

/** A network of the project and who is on it. */
export interface ListedNetwork {
  readonly name: string;
  readonly subnet: string;
  readonly subnet6: string | null;
  readonly internal: boolean;
  readonly mtu: number;
  readonly bridge: string;
  readonly members: readonly {
    readonly environment: string;
    readonly ip: string;
    readonly ip6: string | null;
    readonly veth: string;
    readonly ports: readonly Port[];
  }[];
}

export function renderNetworks(networks: readonly ListedNetwork[], style: Style): string {
  const header = ["NAME", "SUBNET", "SUBNET6", "INTERNAL", "BRIDGE", "ENVIRONMENTS"];
  const rows = networks.map(({ name, subnet, subnet6, internal, bridge, members }) => [
    name,
    subnet,
    subnet6 ?? "-",
    internal ? "yes" : "no",
    bridge,
    members.map(({ environment }) => environment).join(", ") || "-",
  ]);
  return renderTable(header, rows, style);
}

/** One network with the addresses, links and ports of everybody on it. */
export function renderNetwork(network: ListedNetwork, style: Style): string {
  const { name, subnet, subnet6, internal, bridge, mtu, members } = network;
  const subnets = [subnet, subnet6].filter((text) => text !== null).join(", ");
  const head = `${style("bold", name)}  ${subnets}${internal ? ", internal" : ""}; bridge ${bridge}, mtu ${mtu}`;
  const rows = members.map(({ environment, ip, ip6, veth, ports }) => [
    environment,
    ip,
    ip6 ?? "-",
    veth,
    portsCell(ports),
  ]);
  return `${head}\n${renderTable(["ENVIRONMENT", "ADDRESS", "ADDRESS6", "LINK", "PORTS"], rows, style)}`;
}

/** Published ports as the machine has them: "8080:80, 127.0.0.1:5353:53/udp"; none: "-". */
export const portsCell = (ports: readonly Port[]): string => ports.map(formatPort).join(", ") || "-";
