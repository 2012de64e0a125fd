import { type Collector, exposedCollector } from "./collector.ts";

/** After so many bytes that have gone by. */
export interface SweeperOptions {
  /** Frees what died young: a millisecond. */
  readonly minor: number;
  /** Frees everything: about ten. */
  readonly major: number;
}

/**
 * Keeps the memory of a stream small. V8 counts the small objects of a stream and hardly the buffers behind
 * them: it lets 60 MB of dead ones pile up before it looks.
 */
export function makeSweeper({ minor, major }: SweeperOptions): (bytes: number) => void {
  let [sinceMinor, sinceMajor] = [0, 0];
  let collect: Collector | null = null;
  return (bytes) => {
    sinceMinor += bytes;
    if (sinceMinor < minor) return;
    sinceMajor += sinceMinor;
    sinceMinor = 0;
    collect ??= exposedCollector();
    if (sinceMajor < major) collect({ type: "minor" });
    else {
      sinceMajor = 0;
      collect({ type: "major" });
    }
  };
}
