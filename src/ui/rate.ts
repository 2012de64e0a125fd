import { approximateBytes, formatDuration } from "./values.ts";

/** How fast something goes and how long it will take, judged by the last seconds. */
export interface Meter {
  /** ", 12 MiB/s, 30s left"; "" while nothing can be said. */
  readonly say: (done: number, total: number | null) => string;
}

const span = 5000;

export function makeMeter(now: () => number): Meter {
  const marks: { readonly at: number; readonly done: number }[] = [];
  return {
    say(done, total) {
      const at = now();
      while ((marks[0]?.at ?? at) < at - span && marks.length > 1) marks.shift();
      marks.push({ at, done });
      const [first] = marks;
      const elapsed = at - (first?.at ?? at);
      const rate = elapsed < 500 ? 0 : ((done - (first?.done ?? 0)) / elapsed) * 1000;
      if (rate <= 0) return "";
      const left = total === null ? "" : `, ${formatDuration(1000 * Math.ceil((total - done) / rate))} left`;
      return `, ${approximateBytes(rate)}/s${left}`;
    },
  };
}
