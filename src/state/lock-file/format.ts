import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";

/** What pavlos.lock holds: maps of maps, texts at their ends. */
export type LockNode = string | LockMap;
export interface LockMap {
  readonly [key: string]: LockNode;
}

export interface ParsedLock {
  readonly content: LockMap;
  /** Line of each path, its keys joined by a zero character. */
  readonly lines: ReadonlyMap<string, number>;
}

export const pathKey = (path: readonly string[]): string => path.join("\0");

const version = "1";
const head = "# What names stand for, written by Pavlos. Commit it; `pavlos update` moves it.\n";

/**
 * YAML of the plainest kind: one key or value a line, sorted, two spaces a level. So two branches that
 * pin different things merge without a conflict, and no parser has to be loaded to read it.
 */
export const printLock = (content: LockMap): string =>
  `${head}version: ${version}\n${Object.keys(content)
    .sort()
    .map((section) => printNode(section, content[section] ?? {}, ""))
    .join("")}`;

function printNode(key: string, node: LockNode, indent: string): string {
  if (typeof node === "string") return `${indent}${quoted(key)}: ${quoted(node)}\n`;
  const keys = Object.keys(node).sort();
  if (keys.length === 0) return "";
  const inner = keys.map((name) => printNode(name, node[name] ?? {}, `${indent}  `)).join("");
  return `${indent}${quoted(key)}:\n${inner}`;
}

/** Bare where YAML reads exactly this text, and no number, boolean or null; else as JSON has it. */
const quoted = (text: string): string =>
  /^[A-Za-z][\w./+@-]*(:[\w./+@-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text);

const line = /^( *)("(?:[^"\\]|\\.)*"|[^\s"#:](?:[^\s:]|:(?! |$))*):(?: (.*))?$/;

interface Open {
  readonly indent: number;
  readonly map: Record<string, LockNode>;
  readonly path: readonly string[];
}

export function parseLock(text: string, file: string): Result<ParsedLock, Problem> {
  const root: Record<string, LockNode> = Object.create(null);
  const lines = new Map<string, number>();
  const open: Open[] = [{ indent: -2, map: root, path: [] }];
  for (const [index, written] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(written)) continue;
    const wrong = addLine(written, index + 1, { open, lines });
    if (wrong !== null) return failure(unreadable(file, index + 1, wrong));
  }
  const { version: found, ...content } = root;
  if (found !== version) return failure(foreign(file, found));
  return success({ content, lines });
}

/** Null, or what is wrong. */
function addLine(
  written: string,
  number: number,
  { open, lines }: { readonly open: Open[]; readonly lines: Map<string, number> },
): string | null {
  if (/^(<{7}|={7}|>{7}|\|{7})( |$)/.test(written))
    return "two branches changed it, and git could not join them";
  const found = line.exec(written.replace(/\r$/, ""));
  if (found === null) return "this line is no `key: value`";
  const indent = found[1]?.length ?? 0;
  while ((open.at(-1)?.indent ?? -2) >= indent) open.pop();
  const parent = open.at(-1);
  if (parent === undefined || parent.indent + 2 !== indent) return "this line is indented wrongly";
  const key = unquoted(found[2] ?? "");
  const value = found[3] === undefined || found[3].trim() === "" ? null : unquoted(found[3].trim());
  if (key === null || (found[3] && value === null)) return "a text in quotes does not end";
  if (key in parent.map) return `\`${key}\` is there twice`;
  const path = [...parent.path, key];
  lines.set(pathKey(path), number);
  if (value !== null) parent.map[key] = value;
  else {
    const map: Record<string, LockNode> = Object.create(null);
    parent.map[key] = map;
    open.push({ indent, map, path });
  }
  return null;
}

function unquoted(text: string): string | null {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    // Said by whoever asked.
    return null;
  }
}

const unreadable = (file: string, at: number, why: string): Problem => ({
  code: "lock-unreadable",
  message: `pavlos.lock cannot be read: ${why}`,
  place: { file, line: at, column: 1 },
  hint: "repair it (both sides of a conflict may stay, sorted), or remove it and run `pavlos update`",
});

const foreign = (file: string, found: LockNode | undefined): Problem => ({
  code: "lock-version",
  message:
    typeof found === "string"
      ? `pavlos.lock has version ${found}, this Pavlos reads ${version}`
      : "pavlos.lock says no version",
  place: { file, line: 1, column: 1 },
  hint: "use a newer Pavlos, or remove the file and run `pavlos update`",
});
