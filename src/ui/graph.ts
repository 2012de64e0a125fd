/** What depends on what, as data. */
export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphNode {
  /** Unique: "environment:api", "network:default", "volume:data", "path:/srv". */
  readonly id: string;
  readonly kind: "environment" | "network" | "volume" | "path";
  readonly label: string;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  readonly kind: "depends" | "joins" | "mounts";
  /** The condition, or where it is mounted. */
  readonly label: string;
}

/** For Markdown: GitHub and many editors draw it. */
export function renderMermaid({ nodes, edges }: Graph): string {
  const names = new Map(nodes.map(({ id }, index) => [id, `n${index}`]));
  const shape = {
    environment: ["[", "]"],
    network: ["{{", "}}"],
    volume: ["[(", ")]"],
    path: ["[/", "/]"],
  } as const;
  const arrow = { depends: "-->", joins: "-.-", mounts: "---" } as const;
  return [
    "flowchart LR",
    ...nodes.map(
      ({ id, kind, label }) => `  ${names.get(id)}${shape[kind][0]}${quoted(label)}${shape[kind][1]}`,
    ),
    ...edges.map(({ from, to, kind, label }) => {
      const text = label === "" ? "" : `|${quoted(label)}|`;
      return `  ${names.get(from)} ${arrow[kind]}${text} ${names.get(to)}`;
    }),
  ].join("\n");
}

/** For Graphviz: `pavlos graph --format dot | dot -Tsvg`. */
export function renderDot({ nodes, edges }: Graph): string {
  const shape = { environment: "box", network: "hexagon", volume: "cylinder", path: "folder" } as const;
  const style = { depends: "solid", joins: "dashed", mounts: "dotted" } as const;
  const text = (value: string): string => JSON.stringify(value);
  return [
    "digraph pavlos {",
    "  rankdir=LR;",
    ...nodes.map(({ id, kind, label }) => `  ${text(id)} [label=${text(label)}, shape=${shape[kind]}];`),
    ...edges.map(({ from, to, kind, label }) => {
      const direction = kind === "depends" ? "" : ", dir=none";
      return `  ${text(from)} -> ${text(to)} [label=${text(label)}, style=${style[kind]}${direction}];`;
    }),
    "}",
  ].join("\n");
}

/** Mermaid knows no backslashes: quotes are entities. */
const quoted = (label: string): string => `"${label.replaceAll('"', "#quot;")}"`;
