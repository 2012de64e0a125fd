import { spawnSync } from "node:child_process";

/** One command to time. `{}` in an argument becomes a number of its own for each run. */
export interface Timed {
  readonly name: string;
  readonly argv: readonly string[];
  /** Run untimed after each run, to clean up. */
  readonly after?: readonly string[];
}

/** Medians of the counted runs; null where nothing was measured. */
export interface Figures {
  readonly wallMs: number | null;
  /** Of the counted runs, in their order. */
  readonly walls: readonly number[];
  readonly firstMs: number | null;
  readonly rssKiB: number | null;
  readonly runs: number;
  readonly failed: number;
  readonly error: string;
}

interface Raw {
  readonly wall: number[];
  readonly first: number[];
  readonly rss: number[];
  readonly failed: number;
  readonly error: string;
}

export interface Rounds {
  readonly rounds: number;
  readonly warmup: number;
}

/** Times the commands in turn, A B C C B A, so that a machine that drifts, and what each leaves behind, is fair to all. */
export function time(
  timer: string,
  commands: readonly Timed[],
  { rounds, warmup }: Rounds,
): Map<string, Figures> {
  const run = spawnSync(timer, {
    input: JSON.stringify({ rounds, warmup, commands }),
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0) throw new Error(`bench_timer failed: ${run.stderr}`);
  const raw = JSON.parse(run.stdout) as Record<string, Raw>;
  return new Map(commands.map(({ name }) => [name, figures(raw[name])]));
}

function figures(raw: Raw | undefined): Figures {
  return {
    wallMs: median(scaled(raw?.wall, 1e6)),
    walls: scaled(raw?.wall, 1e6),
    firstMs: median(scaled(raw?.first, 1e6)),
    rssKiB: median(raw?.rss ?? []),
    runs: raw?.wall.length ?? 0,
    failed: raw?.failed ?? 0,
    error: raw?.error ?? "",
  };
}

/**
 * Median of what the second took more than the first in the same round: a machine whose speed drifts from
 * round to round does not blur it as it blurs the difference of two medians. Null when a run failed.
 */
export function pairedDifference(before: Figures | undefined, after: Figures | undefined): number | null {
  if (!before || !after || before.failed + after.failed > 0) return null;
  return median(after.walls.map((wall, round) => wall - (before.walls[round] ?? Number.NaN)));
}

const scaled = (values: readonly number[] | undefined, unit: number): readonly number[] =>
  (values ?? []).map((value) => value / unit);

function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
