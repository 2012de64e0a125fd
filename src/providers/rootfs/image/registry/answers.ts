import type { Answer } from "./transport.ts";

/** What a server says when it refuses: its errors, or its words. */
export async function textOf({ body }: Answer, most = 64 << 10): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > most) break;
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** `{"errors": [{"code", "message"}]}` in one line; "" when there is nothing to read. */
export function saidBy(text: string): string {
  try {
    const { errors }: { errors?: unknown } = JSON.parse(text);
    if (Array.isArray(errors))
      return oneLine(
        errors
          .map(errorLine)
          .filter((line) => line !== "")
          .join("; "),
      );
  } catch {
    // No JSON: a page of a proxy, or plain words.
  }
  return /^\s*</.test(text) ? "" : oneLine(text);
}

function errorLine(error: unknown): string {
  if (typeof error !== "object" || error === null) return "";
  const { code, message } = error as Readonly<Record<string, unknown>>;
  return [code, message].filter((part) => typeof part === "string" && part !== "").join(": ");
}

const oneLine = (text: string): string =>
  text
    .replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 300);
