import { PassThrough, type Readable } from "node:stream";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { treeMaps } from "../../../oci/identity.ts";
import type { Tools } from "../../tools.ts";

export interface Packing {
  /** tree: what is seen of all of them. layer: the one as it is in an image. */
  readonly style: "tree" | "layer";
  /** Absolute paths, topmost first. */
  readonly trees: readonly string[];
  /** Seconds since 1970 after which no entry is; null: times as they are. */
  readonly epoch: number | null;
  readonly signal: AbortSignal;
}

/**
 * A tar archive of trees, as it is written. The stream's end says nothing about success: `done` does.
 * Whoever reads it may end it; then pavlosc ends too.
 */
export function packTrees(
  tools: Tools,
  { style, trees, epoch, signal }: Packing,
): { readonly stream: Readable; readonly done: Promise<Result<void, Problem>> } {
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  const args = [
    "pack",
    ...treeMaps(tools.host),
    ...(style === "layer" ? ["--layer"] : []),
    ...(epoch === null ? [] : ["--epoch", String(epoch)]),
    ...trees,
  ];
  // Whoever reads may give up, for example because the disk is full.
  const given = new AbortController();
  stream.once("close", () => {
    if (!stream.readableEnded) given.abort();
  });
  const ending = AbortSignal.any([signal, given.signal]);
  const done = tools.native
    .run(args, { output: stream, signal: ending })
    .then((outcome): Result<void, Problem> => {
      if (outcome.code === 0) return success(undefined);
      stream.end();
      if (signal.aborted)
        return failure({ code: "interrupted", message: "interrupted while files were packed", place: null });
      return failure(problemOf(errorOf(outcome), "the files cannot be packed"));
    });
  return { stream, done };
}
