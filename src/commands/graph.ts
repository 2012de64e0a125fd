import { failure, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { renderDot, renderMermaid } from "../ui/graph.ts";
import { graphOf } from "./graph/build.ts";
import { textOption, type Verb } from "./invocation.ts";
import { openProject } from "./session.ts";

/** `pavlos graph`: dependencies, networks and mounts of what the files say, to be drawn. */
export const graph: Verb = async (invocation) => {
  const { globals, terminal } = invocation;
  const format = textOption(invocation, "format") ?? (globals.json ? "json" : "mermaid");
  if (!["mermaid", "dot", "json"].includes(format)) return failure([unknown(format)]);
  const project = await openProject(invocation);
  if (!project.ok) return project;
  const built = graphOf(project.value.desired.environments, process.cwd());
  if (format === "json") terminal.out(JSON.stringify({ version: 1, ...built }, null, 2));
  else terminal.out(format === "dot" ? renderDot(built) : renderMermaid(built));
  return success(0);
};

const unknown = (format: string): Problem => ({
  code: "usage",
  message: `--format cannot be ${JSON.stringify(format)}`,
  place: null,
  expected: "mermaid, dot or json",
});
