import { expect, it } from "vitest";
import { graphOf } from "../../../src/commands/graph/build.ts";
import { renderDot, renderMermaid } from "../../../src/ui/graph.ts";
import { environment } from "../../reconcile/support/environments.ts";

const environments = [
  environment("api", {
    mounts: [
      { type: "volume", source: "data", target: "/data", readonly: false },
      { type: "bind", source: "/p/src", target: "/src", readonly: true, create: false },
      { type: "tmpfs", target: "/tmp", readonly: false, size: null },
    ],
  }),
  environment("db", { mounts: [{ type: "volume", source: "data", target: "/var", readonly: false }] }),
];
const dependent = { ...environments[0], dependsOn: { db: "healthy" } } as (typeof environments)[number];

it("draws environments, their networks, volumes and paths for Mermaid", () => {
  expect(renderMermaid(graphOf([dependent, ...environments.slice(1)], "/p"))).toBe(`flowchart LR
  n0["api"]
  n1["db"]
  n2{{"host"}}
  n3[("data")]
  n4[/"src"/]
  n0 -->|"healthy"| n1
  n0 -.- n2
  n0 ---|"/data"| n3
  n0 ---|"/src (read-only)"| n4
  n1 -.- n2
  n1 ---|"/var"| n3`);
});

it("draws them for Graphviz", () => {
  expect(renderDot(graphOf(environments, "/p"))).toContain(
    '"environment:api" -> "volume:data" [label="/data", style=dotted, dir=none];',
  );
});
