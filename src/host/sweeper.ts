import { type Collector, exposedCollector } from "./collector.ts";

/** In bytes. */
export interface SweeperOptions {
  /** So much new memory frees what died young: a millisecond. */
  readonly minor: number;
  /** So much more than in the beginning frees everything: about ten. */
  readonly major: number;
}

/**
 * Keeps the memory of a stream small. V8 counts the small objects of a stream and hardly the buffers behind
 * them: it lets 60 MB of dead ones pile up before it looks.
 */
export function makeSweeper({ minor, major }: SweeperOptions): (bytes: number) => void {
  let passed = 0;
  let [first, last] = [0, 0];
  let collect: Collector | null = null;
  return (bytes) => {
    passed += bytes;
    if (passed < minor) return;
    passed = 0;
    if (collect === null) {
      collect = exposedCollector();
      first = last = held();
    }
    // What is read into the same memory again and again leaves nothing behind.
    if (held() < last + minor / 2) return;
    collect({ type: "minor" });
    if (held() > first + major) collect({ type: "major" });
    last = held();
  };
}

const held = (): number => process.memoryUsage().arrayBuffers;
