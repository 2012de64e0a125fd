/** Patterns as in .gitignore. `base`: directory that they count from, "" or ending in "/". */
export interface IgnoreFile {
  readonly base: string;
  readonly patterns: readonly string[];
}

/** Is a path (relative, without a leading "/") left out? The last pattern that matches it counts. Pure. */
export type Ignored = (path: string, kind: "file" | "directory") => boolean;

/** What one or several ignore files leave out; a later one counts more. A path below an ignored directory is ignored. */
export function ignoredBy(files: readonly IgnoreFile[]): Ignored {
  const rules = files.flatMap(({ base, patterns }) => patterns.flatMap((text) => ruleOf(text, base) ?? []));
  const matches = (path: string, isDirectory: boolean): boolean => {
    let ignored = false;
    for (const rule of rules) {
      if (rule.onlyDirectories && !isDirectory) continue;
      if (rule.expression.test(path)) ignored = !rule.negated;
    }
    return ignored;
  };
  return (path, kind) => {
    for (let cut = path.indexOf("/"); cut > 0; cut = path.indexOf("/", cut + 1))
      if (matches(path.slice(0, cut), true)) return true;
    return matches(path, kind === "directory");
  };
}

/** The lines of an ignore file that are patterns. */
export const patternsOf = (text: string): readonly string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.replace(/(?<!\\)\s+$/, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));

interface Rule {
  readonly negated: boolean;
  readonly onlyDirectories: boolean;
  readonly expression: RegExp;
}

function ruleOf(text: string, base: string): Rule | null {
  const negated = text.startsWith("!");
  const body = (negated ? text.slice(1) : text).replace(/^\\([!#])/, "$1");
  const onlyDirectories = body.endsWith("/");
  const trimmed = body.replace(/\/+$/, "");
  if (trimmed === "") return null;
  // A slash within the pattern ties it to the directory of its file.
  const tied = trimmed.includes("/");
  const glob = trimmed.replace(/^\//, "");
  const expression = new RegExp(`^${escaped(base)}${tied ? "" : "(?:.*/)?"}${expressionOf(glob)}$`);
  return { negated, onlyDirectories, expression };
}

function expressionOf(glob: string): string {
  return glob.replaceAll(
    /\*\*\/|\/\*\*$|\*+|\?|\[(!?)((?:\\.|[^\]])+)\]|\\(.)|[^*?[\\/]+|[\s\S]/g,
    (piece, negated?: string, set?: string, protectedOne?: string) => {
      if (piece === "**/") return "(?:.*/)?";
      if (piece === "/**") return "/.*";
      if (/^\*+$/.test(piece)) return "[^/]*";
      if (piece === "?") return "[^/]";
      if (set !== undefined) return `[${negated ? "^" : ""}${set}]`;
      return escaped(protectedOne ?? piece);
    },
  );
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\/]/g, "\\$&");
