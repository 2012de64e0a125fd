import type { ConfigReader } from "../host/config-reader.ts";
import type { Place } from "../model/source.ts";
import { type Edit, editYaml } from "./edit.ts";
import { type MapNode, nodeAt, placeOfSpan, type Source, type Tree } from "./tree.ts";
import { parseYaml } from "./yaml.ts";

/** The text of an environment's file with one value changed; null: only a person can do that. `origin`: where it begins. */
export function rewrite(reader: ConfigReader, origin: Place, edit: Edit): string | null {
  const read = reader.readText(origin.file);
  if (!read.ok) return null;
  const source: Source = { file: origin.file, text: read.value };
  const tree = documentAt(source, origin);
  if (tree === null) return null;
  const text = editYaml(tree, edit);
  if (text === null) return null;
  const after = documentAt({ ...source, text }, origin);
  return after !== null && holds(after, edit) ? text : null;
}

/** The document that an environment's place lies in. */
function documentAt(source: Source, { line }: Place): MapNode | null {
  const { documents, problems } = parseYaml(source);
  if (problems.length > 0) return null;
  const maps = documents.filter((tree): tree is MapNode => tree?.kind === "map");
  return maps.findLast((tree) => placeOfSpan(tree.span).line <= line) ?? maps[0] ?? null;
}

function holds(tree: Tree, { path, text }: Edit): boolean {
  const node = nodeAt(tree, path);
  if (text === null) return node === undefined;
  return node?.kind === "scalar" && node.text === text.replace(/^(["'])(.*)\1$/, "$2");
}
