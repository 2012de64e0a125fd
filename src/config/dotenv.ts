import type { Problem } from "../model/source.ts";
import { problemAt } from "./problem.ts";
import type { Source, Span } from "./tree.ts";

/** A variable of an env file and where it is. */
export interface Variable {
  readonly value: string;
  readonly span: Span;
}

export interface Variables {
  readonly variables: ReadonlyMap<string, Variable>;
  readonly problems: readonly Problem[];
}

/**
 * Lines `NAME=value`, `export ` before it allowed; empty lines and those that begin with # are
 * passed over. 'single quotes' keep everything, "double quotes" know \n \t \" \\ \$; without quotes
 * a value ends before ` #`. A later line wins. Nothing is interpolated.
 */
export function parseDotenv(source: Source): Variables {
  const variables = new Map<string, Variable>();
  const problems: Problem[] = [];
  let start = 0;
  for (const raw of source.text.split("\n")) {
    const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    parseLine(line, { source, start, end: start + line.length }, { variables, problems });
    start += raw.length + 1;
  }
  return { variables, problems };
}

function parseLine(
  line: string,
  span: Span,
  to: { variables: Map<string, Variable>; problems: Problem[] },
): void {
  if (/^\s*(#|$)/.test(line)) return;
  const content: Span = { ...span, start: span.start + (line.length - line.trimStart().length) };
  const match = /^\s*(?:export\s+)?([^=\s]+)\s*=\s*(.*)$/s.exec(line);
  if (!match) {
    to.problems.push(
      problemAt(content, {
        code: "env-file",
        message: "this line has no `=`",
        expected: "NAME=value",
        hint: "put # before a comment",
      }),
    );
    return;
  }
  const [, name = "", rest = ""] = match;
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) {
    to.problems.push(
      problemAt(
        { ...content, end: content.start + name.length },
        {
          code: "env-file",
          message: `\`${name}\` cannot be a variable's name`,
          expected: "letters, digits and _, the first no digit",
        },
      ),
    );
    return;
  }
  const value = unquoted(rest);
  if (value === null) {
    const at = span.start + line.length - rest.length;
    to.problems.push(
      problemAt(
        { ...span, start: at },
        {
          code: "env-file",
          message: `the quotes around the value of ${name} are not closed, or something follows them`,
          hint: "a value ends on its own line; write \\n within double quotes for a new line",
        },
      ),
    );
    return;
  }
  to.variables.set(name, { value, span: content });
}

/** Null: quotes that do not end where the value ends. */
function unquoted(text: string): string | null {
  const trimmed = text.trim();
  if (trimmed.startsWith("'")) return /^'([^']*)'\s*(?:#.*)?$/.exec(trimmed)?.[1] ?? null;
  if (trimmed.startsWith('"')) {
    const inner = /^"((?:[^"\\]|\\.)*)"\s*(?:#.*)?$/.exec(trimmed)?.[1];
    return inner === undefined
      ? null
      : inner.replaceAll(/\\(.)/g, (_, letter: string) => escapes[letter] ?? letter);
  }
  return trimmed.startsWith("#") ? "" : trimmed.replace(/\s+#.*$/, "");
}

const escapes: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r" };
