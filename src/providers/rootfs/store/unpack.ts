import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { errorOf, problemOf } from "../../../native/native.ts";
import { hasSubordinates, treeMaps } from "../../../oci/identity.ts";
import type { Tools } from "../../tools.ts";
import type { LayerFiles } from "./layers.ts";

/** What is unpacked, and how it is read. */
export interface Packed {
  /** archive: a root as a whole. layer: an image's layer, whose whiteouts become overlay's. */
  readonly kind: "archive" | "layer";
  /** Path of a file, or its bytes as they come. */
  readonly from: string | AsyncIterable<Uint8Array>;
  /** Hex digests that the bytes as stored, and decompressed, must have; absent: any. */
  readonly sha256?: string;
  readonly diffId?: string;
  /** Most bytes decompressed. */
  readonly maxBytes?: number;
  /** For messages: "the archive /x.tar", "layer sha256:abc of debian:12". */
  readonly what: string;
  /** Told the bytes read so far. */
  readonly progress?: (read: number) => void;
  readonly signal?: AbortSignal;
}

/** What pavlosc says of it. */
export interface Unpacked {
  readonly sha256: string;
  readonly diffId: string;
  readonly bytes: number;
  readonly entries: number;
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Unpacks into a staged layer, reading and verifying in one pass. Nothing is synced: commitLayers does
 * that once for all. After a failure the stage is the caller's to drop.
 */
export async function unpackInto(
  tools: Tools,
  staged: LayerFiles,
  packed: Packed,
): Promise<Result<Unpacked, Problem>> {
  const { from, what, progress, signal } = packed;
  const outcome = await tools.native.run(argumentsOf(tools, staged, packed), {
    ...(typeof from === "string" ? {} : { stream: from }),
    ...(signal === undefined ? {} : { signal }),
    ...(progress === undefined ? {} : { onErrorLine: (line: string) => readLine(line, progress) }),
  });
  if (signal?.aborted) return failure(interrupted(what));
  if (outcome.code !== 0)
    return failure({
      ...problemOf(errorOf(outcome), `${what} cannot be unpacked`),
      code: "archive-unreadable",
    });
  const summary = JSON.parse(outcome.stdout.trim().split("\n").at(-1) || "null") as Summary;
  if (summary.opaque) trees.writePublic(staged.opaque, "");
  if (summary.implied > 0) trees.writePublic(staged.implied, "");
  if (summary.bare) trees.writePublic(staged.bare, "");
  return success(summary);
}

interface Summary extends Unpacked {
  readonly opaque: boolean;
  readonly implied: number;
  readonly bare: boolean;
}

function argumentsOf(tools: Tools, { tree, list }: LayerFiles, packed: Packed): readonly string[] {
  const { kind, from, sha256, diffId, maxBytes, progress } = packed;
  const maps = treeMaps(tools.host);
  const squash = tools.host.caller.uid !== 0 && !hasSubordinates(tools.host.caller);
  return [
    "unpack",
    ...(kind === "layer" ? ["--layer"] : []),
    ...(sha256 === undefined ? [] : ["--sha256", sha256]),
    ...(diffId === undefined ? [] : ["--diff-id", diffId]),
    ...(maxBytes === undefined ? [] : ["--max-bytes", String(maxBytes)]),
    ...(progress === undefined ? [] : ["--progress"]),
    ...(squash ? ["--squash"] : []),
    ...maps,
    "--no-sync",
    "--list",
    list,
    typeof from === "string" ? from : "-",
    tree,
  ];
}

function readLine(line: string, progress: (read: number) => void): void {
  const read = /^\{"read": ?(\d+)\}/.exec(line)?.[1];
  if (read !== undefined) progress(Number(read));
}

const interrupted = (what: string): Problem => ({
  code: "interrupted",
  message: `interrupted while ${what} was unpacked`,
  place: null,
  hint: "run the command again",
});
