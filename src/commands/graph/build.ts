import type { Environment, Mount } from "../../model/environment.ts";
import type { Graph, GraphEdge, GraphNode } from "../../ui/graph.ts";
import { shortPath } from "../../ui/places.ts";

/** Environments with what they depend on, the networks they are in, volumes and paths that they mount. Pure. */
export function graphOf(environments: readonly Environment[], base: string): Graph {
  const nodes = new Map<string, GraphNode>();
  const edges: GraphEdge[] = [];
  for (const { name } of environments)
    add(nodes, { id: `environment:${name}`, kind: "environment", label: name });
  for (const environment of environments) {
    const from = `environment:${environment.name}`;
    for (const [name, condition] of Object.entries(dependenciesOf(environment))) {
      const to = add(nodes, { id: `environment:${name}`, kind: "environment", label: name });
      edges.push({ from, to, kind: "depends", label: condition });
    }
    for (const name of networksOf(environment)) {
      const to = add(nodes, { id: `network:${name}`, kind: "network", label: name });
      edges.push({ from, to, kind: "joins", label: "" });
    }
    for (const mount of environment.mounts) {
      const node = nodeOf(mount, base);
      if (node !== null) edges.push({ from, to: add(nodes, node), kind: "mounts", label: mountLabel(mount) });
    }
  }
  return { nodes: [...nodes.values()], edges };
}

/** By name of the other: started, healthy or completed. */
const dependenciesOf = (
  environment: Environment & { readonly dependsOn?: Readonly<Record<string, string>> },
) => environment.dependsOn ?? {};

function add(nodes: Map<string, GraphNode>, node: GraphNode): string {
  if (!nodes.has(node.id)) nodes.set(node.id, node);
  return node.id;
}

function networksOf({ network }: Environment): readonly string[] {
  if (network.kind === "networks") return network.networks.map(({ name }) => name);
  return network.kind === "host" ? ["host"] : [];
}

/** Memory is nobody else's. */
function nodeOf(mount: Mount, base: string): GraphNode | null {
  if (mount.type === "volume") return { id: `volume:${mount.source}`, kind: "volume", label: mount.source };
  if (mount.type === "bind")
    return { id: `path:${mount.source}`, kind: "path", label: shortPath(mount.source, base) };
  return null;
}

const mountLabel = ({ target, readonly }: Mount): string => `${target}${readonly ? " (read-only)" : ""}`;
