const factors: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** What `parseDuration` accepts, for the schema. */
export const durationPattern = /^\d+(\.\d+)? ?(ms|s|m|h)$/;

/** Milliseconds of "500ms", "10s", "5m", "1.5h"; null: not a duration, or longer than 2^53 - 1 ms. */
export function parseDuration(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|m|h)$/.exec(text);
  if (!match) return null;
  const milliseconds = Math.round(Number(match[1]) * (factors[match[2] ?? ""] ?? 0));
  return Number.isSafeInteger(milliseconds) ? milliseconds : null;
}

/** The shortest exact way to write it: 10000 is "10s". */
export function formatDuration(milliseconds: number): string {
  for (const unit of ["h", "m", "s"]) {
    const factor = factors[unit] ?? 1;
    if (milliseconds >= factor && milliseconds % factor === 0) return `${milliseconds / factor}${unit}`;
  }
  return `${milliseconds}ms`;
}
