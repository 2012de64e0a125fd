import type { ConfigReader } from "../host/config-reader.ts";
import type { Problem } from "../model/source.ts";
import { unreadable } from "./documents.ts";
import { parseDotenv, type Variable } from "./dotenv.ts";
import type { Lookup } from "./interpolate.ts";

interface Origin {
  /** The project's .env; it may be missing. */
  readonly file: string;
  /** The caller's variables; they win. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly reader: ConfigReader;
  readonly follow: (file: string) => void;
  readonly problems: Problem[];
}

/** What `${NAME}` means. The .env file is read when the first variable is looked for. */
export function projectVariables(origin: Origin): Lookup {
  let fromFile: ReadonlyMap<string, Variable> | null = null;
  return (name) => {
    fromFile ??= readFile(origin);
    return origin.env[name] ?? fromFile.get(name)?.value;
  };
}

function readFile({ file, reader, follow, problems }: Origin): ReadonlyMap<string, Variable> {
  follow(file);
  const text = reader.readText(file);
  if (!text.ok) {
    if (text.failure.reason !== "missing") problems.push(unreadable(file, text.failure));
    return new Map();
  }
  const parsed = parseDotenv({ file, text: text.value });
  problems.push(...parsed.problems);
  return parsed.variables;
}
