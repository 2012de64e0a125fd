import { dirname, join, normalize } from "node:path";
import type { ConfigReader } from "../host/config-reader.ts";
import type { NetworkDefinition } from "../model/environment.ts";
import type { HostFacts } from "../model/host.ts";
import type { Problem } from "../model/source.ts";
import { nearestSpan } from "./issues.ts";
import { problemAt, type Saying } from "./problem.ts";
import { type MapNode, nodeAt } from "./tree.ts";

/** What is known while one environment is resolved; its parts report what is wrong into `problems`. */
export interface Scope {
  /** Merged, interpolated, valid. */
  readonly tree: MapNode;
  readonly host: HostFacts;
  /** The caller's variables. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly reader: ConfigReader;
  /** Networks of the project by name. */
  readonly networks: ReadonlyMap<string, NetworkDefinition>;
  readonly problems: Problem[];
  /** Called with each further file that matters, also with what is missing. */
  readonly follow: (file: string) => void;
}

type Path = readonly PropertyKey[];

/** A problem with the value at a path, or with its nearest ancestor. */
export function report(scope: Scope, path: Path, saying: Saying): void {
  const node = nodeAt(scope.tree, path);
  scope.problems.push(
    problemAt(node && node.kind !== "map" ? node.span : nearestSpan(scope.tree, path), saying),
  );
}

/** An absolute path of the host: `~` is the caller's home, a relative one starts at the file it is written in. */
export function hostPath(scope: Scope, path: Path, text: string): string {
  if (text === "~" || text.startsWith("~/")) return trimmed(join(scope.host.caller.home, text.slice(1)));
  if (text.startsWith("/")) return trimmed(normalize(text));
  const span = nodeAt(scope.tree, path)?.span ?? scope.tree.span;
  return trimmed(join(dirname(span.source.file), text));
}

/** An absolute path inside; null: neither absolute nor below `~`. */
export function insidePath(scope: Scope, text: string): string | null {
  if (text === "~" || text.startsWith("~/")) return trimmed(join(homeInside(scope), text.slice(1)));
  return text.startsWith("/") ? trimmed(normalize(text)) : null;
}

/** Texts as they were written: a number keeps its form. */
export function textsAt(scope: Scope, path: Path): readonly string[] {
  const node = nodeAt(scope.tree, path);
  if (!node || node.kind === "map") return [];
  if (node.kind === "scalar") return [node.text];
  return node.items.map((item) => (item.kind === "scalar" ? item.text : ""));
}

/** A map of texts as they were written. */
export function textMapAt(scope: Scope, key: string): Record<string, string> {
  const node = nodeAt(scope.tree, [key]);
  if (node?.kind !== "map") return {};
  const result: Record<string, string> = {};
  for (const [name, { value }] of node.entries) if (value.kind === "scalar") result[name] = value.text;
  return result;
}

const trimmed = (path: string): string => (path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path);

/** The home of the environment's user: `me` keeps the caller's. */
function homeInside(scope: Scope): string {
  const [user] = textsAt(scope, ["user"]);
  const me = user === undefined ? scope.host.caller.uid !== 0 : user === "me";
  return me ? scope.host.caller.home : "/root";
}
