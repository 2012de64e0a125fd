import type { Event } from "../model/event.ts";
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

/** Lines of parts at most: a terminal is not high. */
const mostParts = 6;

/** A line for each part that has begun and is not done; nothing when there is only one. */
export function partLines({ parts = [] }: Event & { kind: "progress" }): readonly string[] {
  if (parts.length < 2) return [];
  const moving = parts.filter(({ done, total }) => done > 0 && done < total);
  const finished = parts.filter(({ done, total }) => done === total).length;
  const lines = moving
    .slice(0, mostParts)
    .map(({ name, done, total }) => `  ${name}  ${approximateBytes(done)} of ${approximateBytes(total)}`);
  return [...lines, `  ${finished} of ${parts.length} layers are there`];
}
