const factors: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  k: 1e3,
  K: 1e3,
  kB: 1e3,
  M: 1e6,
  MB: 1e6,
  G: 1e9,
  GB: 1e9,
  T: 1e12,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** What `parseSize` accepts, for the schema. */
export const sizePattern = /^\d+(\.\d+)? ?(B|[kKMGT]|[kMGT]B|[KMGT]iB)?$/;

/** Bytes of "512MiB" (1024) or "2G" (1000); null: not a size, or more than 2^53 - 1. */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text);
  const factor = match ? factors[match[2] ?? ""] : undefined;
  if (!match || factor === undefined) return null;
  const bytes = Math.round(Number(match[1]) * factor);
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** The shortest exact way to write a number of bytes: 536870912 is "512MiB". */
export function formatSize(bytes: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB", "T", "G", "M", "k"]) {
    const factor = factors[unit] ?? 1;
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor}${unit}`;
  }
  return String(bytes);
}

/** For messages: "15.6GiB". */
export function roundSize(bytes: number): string {
  for (const unit of ["TiB", "GiB", "MiB", "KiB"]) {
    const factor = factors[unit] ?? 1;
    if (bytes >= factor) return `${Number((bytes / factor).toFixed(1))}${unit}`;
  }
  return `${bytes}B`;
}
