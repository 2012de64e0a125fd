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

/** Times the commands in turn, A B C A B C, so that a machine that drifts is fair to all. */
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
    wallMs: median(raw?.wall ?? [], 1e6),
    firstMs: median(raw?.first ?? [], 1e6),
    rssKiB: median(raw?.rss ?? [], 1),
    runs: raw?.wall.length ?? 0,
    failed: raw?.failed ?? 0,
    error: raw?.error ?? "",
  };
}

function median(values: readonly number[], unit: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor(sorted.length / 2)] as number) / unit;
}
