import type { ConfigReader, ReadFailure } from "../host/config-reader.ts";
import type { Problem } from "../model/source.ts";
import { problemAt, problemWithoutPlace } from "./problem.ts";
import type { Source, Tree } from "./tree.ts";
import type { Parsed } from "./yaml.ts";
import { parsePlainYaml } from "./yaml-plain.ts";

/** Reads and parses each YAML file once. */
export interface Documents {
  read(path: string): Promise<Parsed>;
}

export function documentStore(reader: ConfigReader, follow: (file: string) => void): Documents {
  const known = new Map<string, Promise<Parsed>>();
  return {
    read(path) {
      const parsed = known.get(path) ?? readOne(path, reader);
      known.set(path, parsed);
      follow(path);
      return parsed;
    },
  };
}

async function readOne(path: string, reader: ConfigReader): Promise<Parsed> {
  const text = reader.readText(path);
  if (!text.ok) return { source: null, documents: [], problems: [unreadable(path, text.failure)] };
  const source: Source = { file: path, text: text.value };
  const plain = parsePlainYaml(source);
  if (plain) return { source, documents: [plain], problems: [] };
  const { parseYaml } = await import("./yaml.ts");
  return parseYaml(source);
}

/** The one document of a file that is extended or whose kind allows only one. */
export function onlyDocument(parsed: Parsed): Tree | null {
  return parsed.documents.length === 1 ? (parsed.documents[0] ?? null) : null;
}

export const unreadable = (path: string, failure: ReadFailure): Problem =>
  problemWithoutPlace({
    code: "unreadable",
    message: `${path} cannot be read: ${failure.message}`,
    hint: hints[failure.reason] ?? "check the file and the directories above it",
  });

const hints: Readonly<Partial<Record<ReadFailure["reason"], string>>> = {
  denied: "give yourself the permission to read it: chmod u+r",
  "not-text": "save it in UTF-8",
};

/** An environment has to be a map. */
export function notAMap(tree: Tree): Problem {
  const what = tree.kind === "list" ? "a list" : "a single value";
  return problemAt(tree.span, {
    code: "wrong-type",
    message: `an environment cannot be ${what}`,
    expected: "a map of fields such as `rootfs: host`",
    hint:
      tree.kind === "list"
        ? "put each environment into its own file, or separate them by lines of ---"
        : "write `key: value`, with a space after the colon",
  });
}
