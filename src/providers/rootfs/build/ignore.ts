/** Which paths stay behind: true for one (relative, without a leading slash) that is ignored. */
export type Ignore = (path: string) => boolean;

/**
 * Patterns as in .dockerignore: from the directory's top, `*` and `?` within a name, `**` for any
 * directories; what lies below a match is meant too, `!` takes back, the last word counts.
 */
export function ignoreOf(patterns: readonly string[]): Ignore {
  const rules = patterns
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => {
      const negated = line.startsWith("!");
      const pattern = (negated ? line.slice(1) : line)
        .trim()
        .replace(/^\.?\/+/, "")
        .replace(/\/+$/, "");
      return { negated, expression: expressionOf(pattern) };
    });
  return (path) =>
    rules.reduce((ignored, { negated, expression }) => (expression.test(path) ? !negated : ignored), false);
}

function expressionOf(pattern: string): RegExp {
  const body = pattern
    .split(/(\*\*\/|\*\*|\*|\?|\[[^\]]+\])/)
    .map((part) => wildcards[part] ?? (part.startsWith("[") ? part.replace(/^\[!/, "[^") : escaped(part)))
    .join("");
  return new RegExp(`^${body}(?:/|$)`);
}

const wildcards: Readonly<Record<string, string>> = {
  "**/": "(?:.*/)?",
  "**": ".*",
  "*": "[^/]*",
  "?": "[^/]",
};

const escaped = (text: string): string => text.replaceAll(/[.+^${}()|[\]\\]/g, "\\$&");
