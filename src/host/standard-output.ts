import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import { errnoOf } from "./errno.ts";

/**
 * Bytes to standard output: synchronous, so that nothing is lost when the process ends; a full non-blocking
 * pipe is waited for.
 */
export const standardOutput = (): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, done) {
      try {
        writeAll(chunk);
        done();
      } catch (error) {
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  });

function writeAll(chunk: Buffer): void {
  let rest = chunk;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (errnoOf(error) !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
