import { fileURLToPath } from "node:url";
import type { ConfigReader } from "../host/config-reader.ts";
import type { Problem } from "../model/source.ts";
import { problemAt } from "./problem.ts";
import type { Source, Span } from "./tree.ts";

/** What pavlos.config.ts threw, as a problem at the line that did. */
export function explainThrown(error: unknown, source: Source, reader: ConfigReader): Problem {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ERR_MODULE_NOT_FOUND") return missingImport(message, source, reader);
  const span = syntaxSpan(stack, reader) ?? frameSpan(stack, reader) ?? { source, start: 0, end: 1 };
  if (code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") {
    return problemAt(span, {
      code: "config-syntax",
      message: `this TypeScript cannot run without a compiler: ${message}`,
      hint: "use syntax that only adds types: no enum, no namespace, no parameter properties",
    });
  }
  if (error instanceof SyntaxError)
    return problemAt(span, { code: "config-syntax", message: `syntax error: ${message}` });
  return problemAt(span, {
    code: "config-threw",
    message: `the configuration threw ${nameOf(error)}${message}`,
    hint: "correct the line, or catch the error there",
  });
}

const nameOf = (error: unknown): string =>
  error instanceof Error ? (error.message === "" ? error.name : `${error.name}: `) : "";

function missingImport(message: string, source: Source, reader: ConfigReader): Problem {
  const match = /^Cannot find (?:module|package) '([^']+)' imported from (.+?)$/m.exec(message);
  const wanted = match?.[1] ?? "";
  const from = sourceOf((match?.[2] ?? source.file).replace(/\?.*$/, ""), reader) ?? source;
  const name = wanted.split("/").at(-1) ?? wanted;
  const at = from.text.search(
    new RegExp(`["'][^"'\\n]*${name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}["']`),
  );
  const span =
    at < 0
      ? { source: from, start: 0, end: 1 }
      : { source: from, start: at, end: from.text.indexOf("\n", at) };
  const isPackage = !wanted.startsWith("/");
  return problemAt(literal(span), {
    code: "import-missing",
    message: isPackage ? `the package ${wanted} is not installed` : `there is no file ${wanted}`,
    hint: isPackage ? `npm install ${wanted}` : "imports are relative to the file and end in .ts",
  });
}

/** Only the quoted name, not the rest of its line. */
function literal(span: Span): Span {
  const quote = span.source.text[span.start];
  const end = quote === '"' || quote === "'" ? span.source.text.indexOf(quote, span.start + 1) + 1 : 0;
  return end > span.start ? { ...span, end } : span;
}

/** Node writes before the stack: file:line, the line, and a ^ below the place. */
function syntaxSpan(stack: string, reader: ConfigReader): Span | null {
  const [head = "", ...rest] = stack.replace(/^\n/, "").split("\n");
  const match = /^(?:file:\/\/)?(\/.+?)(?:\?[^:]*)?:(\d+)$/.exec(head);
  if (!match) return null;
  const caret = rest.find((line) => /^\s*\^+/.test(line)) ?? "";
  const source = sourceOf(match[1] ?? "", reader);
  return (
    source &&
    spanAt(source, { line: Number(match[2]), column: caret.search(/\^/) + 1, length: caret.trim().length })
  );
}

/** The first frame of the stack that lies in a file of the user. */
function frameSpan(stack: string, reader: ConfigReader): Span | null {
  for (const [, url = "", line, column] of stack.matchAll(
    /(file:\/\/\/[^\s()]+?)\?pavlos=\d+:(\d+):(\d+)/g,
  )) {
    const source = sourceOf(fileURLToPath(url), reader);
    if (source) return spanAt(source, { line: Number(line), column: Number(column), length: 1 });
  }
  return null;
}

function sourceOf(file: string, reader: ConfigReader): Source | null {
  const text = reader.readText(file);
  return text.ok ? { file, text: text.value } : null;
}

function spanAt(source: Source, at: { line: number; column: number; length: number }): Span {
  let start = 0;
  for (let line = 1; line < at.line; line++) {
    const next = source.text.indexOf("\n", start);
    if (next < 0) break;
    start = next + 1;
  }
  start += Math.max(0, at.column - 1);
  return { source, start, end: start + Math.max(1, at.length) };
}
