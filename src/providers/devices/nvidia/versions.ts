/** -1, 0 or 1, number by number; what is missing is 0. */
export function compareVersions(left: string, right: string): number {
  const [one, other] = [left, right].map((text) => text.split(".").map(Number));
  for (let index = 0; index < Math.max(one?.length ?? 0, other?.length ?? 0); index += 1) {
    const difference = (one?.[index] ?? 0) - (other?.[index] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

/** ">=550", "<9.0", "580.65" (any of that beginning). */
export function satisfies(version: string, constraint: string): boolean {
  const [, operator = "", wanted = ""] = /^(>=|<=|!=|>|<|=)? ?(.+)$/.exec(constraint) ?? [];
  const order = compareVersions(version, wanted);
  switch (operator) {
    case ">=":
      return order >= 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case "<":
      return order < 0;
    case "!=":
      return order !== 0;
    default:
      return order === 0 || version.startsWith(`${wanted}.`);
  }
}
