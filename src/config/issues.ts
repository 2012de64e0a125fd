import type * as z from "zod";
import type { Problem } from "../model/source.ts";
import { unwrapped } from "./impacts.ts";
import { problemAt, shown } from "./problem.ts";
import { environmentSchema } from "./schema.ts";
import { didYouMean } from "./suggest.ts";
import { type MapNode, nodeAt, type Span, type Tree, toPlain } from "./tree.ts";
import { whyUnsupported } from "./unsupported.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The schema's issues with one environment as problems at their places. */
export function problemsOf(issues: readonly Issue[], tree: MapNode): readonly Problem[] {
  return issues.flatMap((issue) => explain(issue, tree, []));
}

function explain(issue: Issue, tree: MapNode, prefix: Path): readonly Problem[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey(key, path, tree));
  if (issue.code === "invalid_key") return [wrongKey(issue, path, tree)];
  if (issue.code === "invalid_union") {
    const meant = isEmptyMap(nodeAt(tree, path)) ? null : bestBranch(issue.errors);
    if (meant) return meant.flatMap((inner) => explain(inner, tree, path));
  }
  return [wrongValue(issue, path, tree)];
}

const isEmptyMap = (node: Tree | undefined): boolean => node?.kind === "map" && node.entries.size === 0;

/** Of a union's branches the one that was meant: it got past the outermost type. */
function bestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | null {
  const deep = branches.filter(
    (issues) => !issues.some((issue) => issue.path.length === 0 && issue.code !== "unrecognized_keys"),
  );
  const [best] = deep.toSorted((a, b) => badness(a) - badness(b));
  // A key that is misspelt is not missing as well.
  const isMisspelt = best?.some((issue) => issue.code === "unrecognized_keys") ?? false;
  return best?.filter((issue) => !(isMisspelt && isMissing(issue))) ?? null;
}

const isMissing = (issue: Issue): boolean =>
  (issue.code === "invalid_type" || issue.code === "invalid_union") && issue.input === undefined;

/** A missing key says more against a branch than a key too many. */
function badness(issues: readonly Issue[]): number {
  let sum = 0;
  for (const issue of issues)
    sum += issue.code === "unrecognized_keys" ? issue.keys.length : isMissing(issue) ? 3 : 1;
  return sum;
}

function unknownKey(key: string, path: Path, tree: MapNode): Problem {
  const map = nodeAt(tree, path);
  const span = (map?.kind === "map" ? map.entries.get(key)?.key : undefined) ?? tree.span;
  const unsupported = whyUnsupported(path, key);
  const inside = path.length > 0 ? ` in \`${pathText(path)}\`` : "";
  if (unsupported) {
    return problemAt(span, {
      code: "unsupported-key",
      message: `\`${key}\`${inside} is not supported by this version`,
      hint: unsupported,
    });
  }
  const known = keysAt(environmentSchema(), path);
  if (known.includes(key) && map?.kind === "map") return conflictingKey(key, path, map);
  const meant = didYouMean(key, known);
  return problemAt(span, {
    code: "unknown-key",
    message: `there is no field \`${key}\`${inside}`,
    expected: meant || known.length === 0 ? undefined : `one of ${known.join(", ")}`,
    hint: meant ?? elsewhere(key, path),
  });
}

/** Each key is right, but in different forms of the same map. */
function conflictingKey(key: string, path: Path, map: MapNode): Problem {
  const others = [...map.entries.keys()].filter((other) => other !== key).map((other) => `\`${other}\``);
  return problemAt(map.entries.get(key)?.key ?? map.span, {
    code: "conflicting-key",
    message: `\`${key}\` in \`${pathText(path)}\` does not go together with ${others.join(", ")}`,
    hint: `keep either \`${key}\` or ${others.join(", ")}`,
  });
}

/** `memory` at the top: the field is there, one level deeper. */
function elsewhere(key: string, path: Path): string {
  for (const section of ["resources", "security", "isolation", "network", "hooks", "stop"]) {
    if (path[0] !== section && keysAt(environmentSchema(), [section]).includes(key))
      return `\`${key}\` belongs below \`${section}:\``;
  }
  return path.length > 0 && keysAt(environmentSchema(), []).includes(key)
    ? `\`${key}\` belongs to the environment itself: check the indentation`
    : "`pavlos schema` prints all fields";
}

function wrongKey(issue: Issue & { code: "invalid_key" }, path: Path, tree: MapNode): Problem {
  const key = String(path.at(-1));
  const map = nodeAt(tree, path.slice(0, -1));
  const span = (map?.kind === "map" ? map.entries.get(key)?.key : undefined) ?? tree.span;
  const [inner] = issue.issues;
  const candidates = inner?.code === "invalid_value" ? inner.values.map(String) : [];
  return problemAt(span, {
    code: "wrong-key",
    message: `\`${key}\` cannot be a name in \`${pathText(path.slice(0, -1))}\``,
    expected: candidates.length > 0 ? `one of ${candidates.join(", ")}` : inner?.message,
    hint: didYouMean(key, candidates),
  });
}

function wrongValue(issue: Issue, path: Path, tree: MapNode): Problem {
  const node = nodeAt(tree, path);
  const name = pathText(path);
  if (!node) {
    const parent = nearestSpan(tree, path);
    return problemAt(parent, {
      code: "missing-key",
      message: `\`${String(path.at(-1))}\` is missing${path.length > 1 ? ` in \`${pathText(path.slice(0, -1))}\`` : ""}`,
      expected: issue.message,
    });
  }
  const value = toPlain(node);
  const subject = name === "" ? "an environment" : `\`${name}\``;
  const isSecret = path[0] === "secrets" && typeof value === "string";
  return problemAt(node.span, {
    code: issue.code === "invalid_type" || issue.code === "invalid_union" ? "wrong-type" : "wrong-value",
    message: `${subject} cannot be ${isSecret ? "a text" : shown(value)}`,
    expected: issue.message,
    hint: isSecret ? "a secret itself is never written here, only where it is" : hintFor(value, issue),
  });
}

function hintFor(value: unknown, issue: Issue): string | undefined {
  if (typeof value !== "string")
    return value === null ? "write the value, or leave the field out" : undefined;
  if (/^a (whole )?number/.test(issue.message) && value.trim() !== "" && Number.isFinite(Number(value))) {
    return "write it without quotes";
  }
  if (issue.message.startsWith("a list")) return `for one, write [${value}]`;
  if (issue.message === "true or false") return booleanHint(value);
  if (issue.code === "invalid_value") return didYouMean(value, issue.values.map(String));
  if (issue.message.includes("MiB")) return unitHint(value);
  if (issue.message.startsWith("a duration"))
    return /^\d+$/.test(value) ? `write ${value}s for seconds` : undefined;
  return undefined;
}

function booleanHint(value: string): string | undefined {
  if (/^(yes|y|on)$/i.test(value)) return "did you mean `true`?";
  if (/^(no|n|off)$/i.test(value)) return "did you mean `false`?";
  return didYouMean(value, ["true", "false"]);
}

/** "512m", "4gb", "512 mib": the number with the unit as it is written here. */
function unitHint(value: string): string | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])(i?)b?$/i.exec(value);
  if (!match) return undefined;
  return `did you mean \`${match[1]}${(match[2] ?? "").toUpperCase()}iB\` (powers of 1024)?`;
}

/** Keys that a map at this path may have; several branches of a union together. */
function keysAt(schema: z.ZodType, path: Path): readonly string[] {
  const inner = unwrapped(schema);
  if (inner.def.type === "union") {
    return [...new Set((inner as z.ZodUnion<z.ZodType[]>).options.flatMap((option) => keysAt(option, path)))];
  }
  const [step, ...rest] = path;
  if (inner.def.type === "object") {
    const shape = (inner as z.ZodObject).shape as Record<string, z.ZodType>;
    if (step === undefined) return Object.keys(shape);
    const next = shape[String(step)];
    return next ? keysAt(next, rest) : [];
  }
  if (step === undefined) return inner.def.type === "record" ? recordKeys(inner as z.ZodRecord) : [];
  if (inner.def.type === "array") return keysAt((inner as z.ZodArray<z.ZodType>).element, rest);
  if (inner.def.type === "record")
    return keysAt((inner as z.ZodRecord<z.ZodString, z.ZodType>).valueType, rest);
  return [];
}

/** The names that a map by name is limited to; none: any. */
function recordKeys(record: z.ZodRecord): readonly string[] {
  const key = record.keyType as z.ZodType;
  return key.def.type === "enum" ? (key as z.ZodEnum).options.map(String) : [];
}

/** ["mounts", 0, "target"] is "mounts[0].target". */
export function pathText(path: Path): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? String(step) : `.${String(step)}`;
  }
  return text;
}

/** Where the nearest ancestor of a path was written: its key, else its value. */
export function nearestSpan(tree: MapNode, path: Path): Span {
  for (let length = path.length; length > 0; length--) {
    const node = nodeAt(tree, path.slice(0, length));
    if (!node) continue;
    if (node.kind === "scalar") return node.span;
    const parent = nodeAt(tree, path.slice(0, length - 1));
    const entry = parent?.kind === "map" ? parent.entries.get(String(path[length - 1])) : undefined;
    return entry?.key ?? node.span;
  }
  return firstKey(tree);
}

/** The environment as such is shown by its first line. */
function firstKey(tree: MapNode): Span {
  for (const entry of tree.entries.values()) return entry.key;
  return tree.span;
}
