import type { Problem } from "../model/source.ts";
import type { Draft } from "./drafts.ts";
import { interpolateTree, type Lookup } from "./interpolate.ts";
import { problemAt, shown } from "./problem.ts";
import { namePattern } from "./schema.ts";
import { type MapNode, nodeAt } from "./tree.ts";

/** What decides whether an environment takes part. */
export interface Head {
  readonly name: string;
  readonly profiles: readonly string[];
}

/** Name and profiles; null: the name is wrong, which is reported. Other types are the schema's to refuse. */
export function headOf(
  tree: MapNode,
  draft: Draft,
  to: { lookup: Lookup; problems: Problem[] },
): Head | null {
  const name = nameOf(tree, draft, to);
  if (name === null) return null;
  const profiles = nodeAt(tree, ["profiles"]);
  const filled = profiles && interpolateTree(profiles, to.lookup, []);
  const names =
    filled?.kind === "list" ? filled.items.map((item) => (item.kind === "scalar" ? item.text : "")) : [];
  return { name, profiles: names };
}

function nameOf(tree: MapNode, draft: Draft, to: { lookup: Lookup; problems: Problem[] }): string | null {
  const written = draft.tree.entries.get("name")?.value;
  if (written && !(written.kind === "scalar" && written.value === null))
    return writtenName(interpolateTree(written, to.lookup, to.problems), to.problems);
  const { defaultName } = draft;
  if (defaultName !== null && namePattern.test(defaultName)) return defaultName;
  to.problems.push(
    problemAt(tree.span.source === draft.span.source ? draft.span : tree.span, {
      code: "missing-name",
      message:
        defaultName === null
          ? "this environment has no name"
          : `"${defaultName}" cannot be the name of an environment`,
      expected: "lower-case letters, digits and -, at most 63, the first no -",
      hint: nameHint(draft),
    }),
  );
  return null;
}

function writtenName(node: ReturnType<typeof interpolateTree>, problems: Problem[]): string | null {
  if (node.kind === "scalar" && namePattern.test(node.text)) return node.text;
  const text = node.kind === "scalar" ? shown(node.text) : `a ${node.kind}`;
  const better =
    node.kind === "scalar"
      ? node.text
          .toLowerCase()
          .replaceAll(/[^a-z0-9-]+/g, "-")
          .replace(/^-+/, "")
          .slice(0, 63)
      : "";
  problems.push(
    problemAt(node.span, {
      code: "wrong-value",
      message: `\`name\` cannot be ${text}`,
      expected: "lower-case letters, digits and -, at most 63, the first no -",
      hint: namePattern.test(better) ? `for example \`${better}\`` : undefined,
    }),
  );
  return null;
}

function nameHint({ defaultName, span }: Draft): string {
  if (defaultName === null) return "a file with several environments needs `name:` in each";
  return /\.ya?ml$/.test(span.source.file)
    ? "rename the file, or add `name:`"
    : "choose another key, or add `name`";
}
