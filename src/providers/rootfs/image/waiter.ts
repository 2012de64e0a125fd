import { setTimeout } from "node:timers/promises";

/** Waits, unless it is interrupted. */
export const waiter =
  (signal: AbortSignal) =>
  (milliseconds: number): Promise<void> =>
    setTimeout(milliseconds, undefined, { signal });
