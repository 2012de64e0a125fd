/** How the formats of others write things, as Pavlos writes them. Pure. */

/** 512m, 1.5gb, 1024 (bytes), 64M -> 512MiB; null: no size. Docker counts in powers of 1024. */
export function size(text: string): string | number | null {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt])?(?:i?b)?$/i.exec(text.trim());
  if (match === null) return null;
  const [, number = "", unit] = match;
  if (unit === undefined) return Number.isInteger(Number(number)) ? Number(number) : null;
  const whole = Number(number);
  if (Number.isInteger(whole)) return `${whole}${unit.toUpperCase()}iB`;
  return Math.round(whole * 1024 ** ("kmgt".indexOf(unit.toLowerCase()) + 1));
}

/** 1m30s, 10s, 500ms -> one number with one unit; null: no duration. */
export function duration(text: string): string | null {
  const units = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;
  const pieces = [...text.matchAll(/(\d+(?:\.\d+)?)(us|ms|s|m|h)/g)];
  if (pieces.length === 0 || pieces.map(([piece]) => piece).join("") !== text.trim()) return null;
  const total = Math.round(
    pieces.reduce((sum, [, number, unit]) => sum + Number(number) * units[unit as keyof typeof units], 0),
  );
  if (total % 60_000 === 0 && total > 0) return `${total / 60_000}m`;
  return total % 1000 === 0 ? `${total / 1000}s` : `${total}ms`;
}

/** `a "b c" d\ e` -> [a, "b c", "d e"], as a shell splits words; nothing is expanded. */
export function shellWords(text: string): readonly string[] {
  const words: string[] = [];
  let word: string | null = null;
  for (const [, double, single, escaped, space, other] of text.matchAll(
    /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)|(\s+)|([^\s"'\\]+)/gs,
  )) {
    if (space !== undefined) {
      if (word !== null) words.push(word);
      word = null;
      continue;
    }
    word = (word ?? "") + (double?.replaceAll(/\\(["\\$`])/g, "$1") ?? single ?? escaped ?? other ?? "");
  }
  return word === null ? words : [...words, word];
}

/**
 * Variables of compose as those of Pavlos: `$A` and `${A}` may be unset there, which is empty; null: `${A:+x}`
 * cannot be said.
 */
export function variables(text: string): string | null {
  let possible = true;
  const replaced = text.replaceAll(/\$\$|\$\{(\w+)(?:(:?[-?+])([^}]*))?\}|\$([A-Za-z_]\w*)/g, (...match) => {
    const [whole, name, operator, rest = "", bare]: readonly (string | undefined)[] = match;
    if (whole === "$$") return whole;
    if (operator?.endsWith("+")) possible = false;
    if (operator === undefined) return `\${${name ?? bare}:-}`;
    return `\${${name}:${operator.endsWith("?") ? "?" : "-"}${rest}}`;
  });
  return possible ? replaced : null;
}

/** Names of environments: lower-case letters, digits and -. */
export function slug(name: string): string {
  const tidy = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, 63);
  return tidy === "" ? "environment" : tidy;
}
