import * as z from "zod";
import { environmentSchema } from "./schema.ts";

type Node = Record<string, unknown>;

/** The file format as JSON Schema, for editors: what schema/environment.schema.json holds. */
export function environmentJsonSchema(): Node {
  return generate((node) => {
    tidy(node);
    allowVariables(node);
  });
}

/** The same for values that are already filled in: what the types of `defineConfig` come from. */
export function resolvedJsonSchema(): Node {
  return generate(tidy);
}

function generate(override: (node: Node) => void): Node {
  const schema = z.toJSONSchema(environmentSchema(), {
    io: "input",
    target: "draft-7",
    override: ({ jsonSchema }) => override(jsonSchema as Node),
  });
  const { $schema, ...rest } = schema;
  return { $schema, title: "Environment", description: "One development environment of Pavlos.", ...rest };
}

/** The impact is ours, not an editor's; 2^53 - 1 as a bound says nothing to anybody. */
function tidy(node: Node): void {
  delete node.impact;
  if (node.maximum === Number.MAX_SAFE_INTEGER) delete node.maximum;
  if (node.minimum === Number.MIN_SAFE_INTEGER) delete node.minimum;
}

const variable = "\\$\\{";

/** An editor sees `${NAME}` before it is filled in: it may stand wherever one value stands. */
function allowVariables(node: Node): void {
  // An optional field passes its type on to what wraps it: that is met twice.
  if (typeof node.pattern === "string" && node.pattern.endsWith(variable)) return;
  if (typeof node.pattern === "string") node.pattern = `${node.pattern}|${variable}`;
  else if (node.type === "number" || node.type === "integer" || node.type === "boolean") {
    node.type = [node.type, "string"];
    node.pattern = variable;
  } else if (Array.isArray(node.enum)) {
    const { enum: values, type: _, ...rest } = node;
    for (const key of Object.keys(node)) delete node[key];
    Object.assign(node, rest, { anyOf: [{ enum: values }, { type: "string", pattern: variable }] });
  }
}
