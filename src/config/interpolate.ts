import type { Problem } from "../model/source.ts";
import { problemAt } from "./problem.ts";
import type { Entry, ScalarNode, Span, Tree } from "./tree.ts";

/** The value of a variable; undefined: not set. */
export type Lookup = (name: string) => string | undefined;

/** What is wrong with a text: `at` and `length` say where in it. */
export interface TextFault {
  readonly at: number;
  readonly length: number;
  readonly message: string;
  readonly expected?: string;
  readonly hint?: string;
}

/** All values of a tree with their variables filled in; keys stay. The same tree when there are none. */
export function interpolateTree(tree: Tree, lookup: Lookup, problems: Problem[]): Tree {
  if (tree.kind === "scalar") return interpolateScalar(tree, lookup, problems);
  if (tree.kind === "list") {
    let changed = false;
    const items = tree.items.map((item) => {
      const filled = interpolateTree(item, lookup, problems);
      if (filled !== item) changed = true;
      return filled;
    });
    return changed ? { ...tree, items } : tree;
  }
  let entries: Map<string, Entry> | null = null;
  for (const [key, entry] of tree.entries) {
    const value = interpolateTree(entry.value, lookup, problems);
    if (value === entry.value) continue;
    entries ??= new Map(tree.entries);
    entries.set(key, { key: entry.key, value });
  }
  return entries ? { ...tree, entries } : tree;
}

function interpolateScalar(scalar: ScalarNode, lookup: Lookup, problems: Problem[]): ScalarNode {
  if (typeof scalar.value !== "string" || !scalar.value.includes("$")) return scalar;
  const faults: TextFault[] = [];
  const text = interpolate(scalar.value, lookup, faults);
  for (const fault of faults) {
    const { message, expected, hint } = fault;
    problems.push(problemAt(spanOf(scalar, fault), { code: "interpolation", message, expected, hint }));
  }
  if (text === scalar.value) return scalar;
  return { ...scalar, text, value: scalar.plain ? plainValue(text) : text };
}

/** Fills in `${NAME}`, `${NAME:-default}`, `${NAME:?message}`; `$$` is a dollar, another $ stays. */
export function interpolate(text: string, lookup: Lookup, faults: TextFault[]): string {
  let result = "";
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf("$", at);
    if (dollar < 0) break;
    result += text.slice(at, dollar);
    if (text[dollar + 1] === "$") {
      result += "$";
      at = dollar + 2;
    } else if (text[dollar + 1] === "{") {
      const end = closing(text, dollar + 2);
      result += expression(text, { start: dollar, end }, lookup, faults);
      at = end < 0 ? text.length : end + 1;
    } else {
      result += "$";
      at = dollar + 1;
    }
  }
  return result + text.slice(at);
}

const forms = ["{NAME}", "{NAME:-default}", "{NAME:?message}"].map((form) => `$${form}`).join(" or ");

function expression(
  text: string,
  range: { start: number; end: number },
  lookup: Lookup,
  faults: TextFault[],
): string {
  const length = (range.end < 0 ? text.length : range.end + 1) - range.start;
  const fault = (message: string, hint: string): string => {
    faults.push({ at: range.start, length, message, ...(hint === "" ? {} : { hint }) });
    return "";
  };
  if (range.end < 0) {
    return fault("this ${ is never closed", "close it with }, or write $$ for a dollar");
  }
  const inside = text.slice(range.start + 2, range.end);
  const match = /^([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)([\s\S]*))?$/.exec(inside);
  if (!match) {
    faults.push({
      at: range.start,
      length,
      message: `\${${inside}} is not a variable`,
      expected: forms,
      hint: "write $${ for a dollar and a brace",
    });
    return "";
  }
  const [, name = "", operator, rest = ""] = match;
  const value = lookup(name);
  if (value !== undefined && (value !== "" || operator === undefined)) return value;
  if (operator === ":-") return interpolate(rest, lookup, faults);
  if (operator === ":?")
    return fault(
      rest === "" ? `${name} is not set` : `${name} is not set: ${rest}`,
      `set ${name} in the environment or in .env`,
    );
  return fault(
    `${name} is not set`,
    `set it in the environment or in .env, or give a default: \${${name}:-...}`,
  );
}

/** Position of the brace that closes an expression; -1: none. */
function closing(text: string, from: number): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === "$" && text[at + 1] === "{") depth += 1;
    if (text[at] === "}") depth -= 1;
    if (depth === 0) return at;
  }
  return -1;
}

/** What YAML would read where the text stood without quotes: a number, a boolean or text. */
export function plainValue(text: string): string | number | boolean {
  if (/^(true|True|TRUE)$/.test(text)) return true;
  if (/^(false|False|FALSE)$/.test(text)) return false;
  return /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text) ? Number(text) : text;
}

/** The expression itself where it can be found in the source, else the whole value. */
function spanOf(scalar: ScalarNode, fault: TextFault): Span {
  const { source, start, end } = scalar.span;
  const piece = String(scalar.value).slice(fault.at, fault.at + fault.length);
  const at = source.text.slice(start, end).indexOf(piece);
  return at < 0 ? scalar.span : { source, start: start + at, end: start + at + piece.length };
}
