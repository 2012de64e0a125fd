import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes from which it is worth the time, and milliseconds between two times. */
const enough = 100 * 1024 ** 2;
const pause = 10_000;

/**
 * For a process that stays: gives back what is no longer used. V8 on its own lets garbage lie until its heap
 * is several times as large as what lives in it; Node has no other way to ask than the flag.
 */
export function makeMemoryRelease(): () => void {
  let next = 0;
  return () => {
    if (performance.now() < next || process.memoryUsage.rss() < enough) return;
    next = performance.now() + pause;
    setFlagsFromString("--expose-gc");
    // Any other kind keeps the pages for later.
    collectorOf()({ type: "major", execution: "sync", flavor: "last-resort" });
  };
}

type Collector = (options: {
  readonly type: string;
  readonly execution: string;
  readonly flavor: string;
}) => void;

const collectorOf = (): Collector => runInNewContext("gc") as Collector;
