import { type Collector, exposedCollector } from "./collector.ts";

/** Bytes from which it is worth the time, and milliseconds between two times. */
const enough = 100 * 1024 ** 2;
const pause = 10_000;

/**
 * For a process that stays: gives back what is no longer used. V8 on its own lets garbage lie until its heap
 * is several times as large as what lives in it.
 */
export function makeMemoryRelease(): () => void {
  let next = 0;
  let collect: Collector | null = null;
  return () => {
    if (performance.now() < next || process.memoryUsage.rss() < enough) return;
    next = performance.now() + pause;
    collect ??= exposedCollector();
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
  };
}
