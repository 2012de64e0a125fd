import type { Document, YAMLParseError } from "yaml";
import type { Problem } from "../model/source.ts";
import { problemAt, type Saying } from "./problem.ts";
import { placeOfSpan, type Source } from "./tree.ts";

/**
 * A document's syntax errors in words for a person. Of several only the first counts, the others
 * mostly follow from it; duplicate keys are independent of each other.
 */
export function explainSyntax(document: Document.Parsed, source: Source): readonly Problem[] {
  const [first] = document.errors;
  if (!first) return document.warnings.slice(0, 1).map((warning) => explain(warning, source));
  const duplicates = document.errors.filter((error) => error.code === "DUPLICATE_KEY");
  const shown = first.code === "DUPLICATE_KEY" ? duplicates : [first];
  return shown.map((error) => explain(error, source));
}

function explain(error: Pick<YAMLParseError, "code" | "message" | "pos">, source: Source): Problem {
  const start = firstCharacter(source, error.pos[0]);
  if (error.code === "DUPLICATE_KEY") return problemAt(keySpan(source, start), duplicate(source, start));
  const tab = tabInIndent(source, start);
  if (tab !== null) return problemAt({ source, start: tab, end: tab + 1 }, sayings.TAB_AS_INDENT);
  if (source.text.startsWith("${", start - 1)) return unquotedVariable(source, start - 1);
  const quote = /closing (["'])quote/.exec(error.message)?.[1];
  if (quote !== undefined) return unclosedQuote(source, start, quote);
  const end = error.code === "BAD_INDENT" ? source.text.length : Math.max(start + 1, error.pos[1]);
  const isFlow = error.code === "BAD_INDENT" && /flow/i.test(error.message);
  return problemAt(
    { source, start, end },
    isFlow ? unclosedBracket : (sayings[error.code] ?? other(error.message)),
  );
}

/** Not the indentation before what is wrong. */
function firstCharacter(source: Source, from: number): number {
  let at = Math.min(from, Math.max(0, source.text.length - 1));
  while (source.text[at] === " ") at += 1;
  return at;
}

/** Within brackets YAML takes the brace of `${` for the begin of a map. */
function unquotedVariable(source: Source, start: number): Problem {
  const written = /^\$\{[^}\n]*\}?/.exec(source.text.slice(start))?.[0] ?? "${";
  return problemAt(
    { source, start, end: start + written.length },
    {
      code: "yaml-syntax",
      message: "within [ ] and { } a variable has to stand in quotes",
      hint: `write "${written}"`,
    },
  );
}

/** Shown where the quotes were opened: where they should end nobody knows. */
function unclosedQuote(source: Source, at: number, quote: string): Problem {
  const open = Math.max(0, source.text.lastIndexOf(quote, at - 1));
  return problemAt(
    { source, start: open, end: at },
    { code: "yaml-syntax", message: "these quotes are never closed", hint: `close them with ${quote}` },
  );
}

const syntax = (message: string, hint: string): Saying => ({ code: "yaml-syntax", message, hint });

const tabs = syntax("a tab cannot indent in YAML", "use spaces instead of the tab");
const indent = syntax(
  "this line does not line up with the lines above it",
  "indent keys of one map by the same number of spaces",
);

const unclosedBracket = syntax(
  "a list or map in brackets is not closed before this line",
  "close it with ] or }, or indent this line when it belongs to it",
);

const sayings: Readonly<Record<string, Saying>> & { readonly TAB_AS_INDENT: Saying } = {
  TAB_AS_INDENT: tabs,
  BAD_INDENT: indent,
  BLOCK_AS_IMPLICIT_KEY: syntax(
    "a second `: ` on one line",
    "put the value in quotes when it contains `: `, or start a new line for another key",
  ),
  MULTILINE_IMPLICIT_KEY: syntax(
    "this line is not a key with a value",
    "write `key: value`, with a space after the colon",
  ),
  BAD_ALIAS: syntax("an alias that cannot be read", "put a value that begins with * in quotes"),
  BAD_SCALAR_START: syntax("a value cannot begin with this character", "put the value in quotes"),
  TAG_RESOLVE_FAILED: syntax(
    "this tag is not known",
    "tags (!name) are not used here; put a value that begins with ! in quotes",
  ),
  MISSING_CHAR: syntax(
    "a character is missing here",
    "close quotes, [ and { on the line where they are opened",
  ),
};

function duplicate(source: Source, at: number): Saying {
  const key = keyText(source, at);
  const first = firstOccurrence(source, key, at);
  const where = first === null ? "" : `; it was first written in line ${first}`;
  return {
    code: "duplicate-key",
    message: `\`${key}\` is written twice in the same map${where}`,
    hint: "keep one of them",
  };
}

const keyText = (source: Source, at: number): string =>
  (/^(?:"[^"\n]*"|'[^'\n]*'|[^:\n]*)/.exec(source.text.slice(at, at + 200))?.[0] ?? "")
    .trim()
    .replace(/^["']|["']$/g, "");

const keySpan = (source: Source, at: number) => ({
  source,
  start: at,
  end: at + Math.max(1, keyText(source, at).length),
});

/** Line of the nearest earlier key of the same name and the same indentation. */
function firstOccurrence(source: Source, key: string, at: number): number | null {
  const lineStart = source.text.lastIndexOf("\n", at - 1) + 1;
  const indentation = at - lineStart;
  const before = source.text.slice(0, lineStart).split("\n");
  for (let index = before.length - 1; index >= 0; index--) {
    const line = before[index] ?? "";
    const rest = line.slice(indentation);
    const indented = line.slice(0, indentation).trim();
    if (
      (indented === "" || indented === "-") &&
      rest.replace(/^["']/, "").startsWith(key) &&
      /^["']?\s*:/.test(rest.replace(/^["']/, "").slice(key.length))
    ) {
      return index + 1;
    }
  }
  return placeOfSpan({ source, start: at, end: at }).line;
}

/** A tab in the indentation of the line with the error, or of the one before: the usual cause. */
function tabInIndent(source: Source, at: number): number | null {
  const start = source.text.lastIndexOf("\n", at - 1) + 1;
  const previous = source.text.lastIndexOf("\n", start - 2) + 1;
  for (const line of [start, previous]) {
    const tab = /^ *\t/.exec(source.text.slice(line, line + 200));
    if (tab) return line + tab[0].length - 1;
  }
  return null;
}

const other = (message: string): Saying => ({
  code: "yaml-syntax",
  message: `this is not valid YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`,
  hint: "quotes around the value, or the indentation, are the usual cause",
});
