import { makeSweeper } from "../../../host/sweeper.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Place, Problem } from "../../../model/source.ts";
import type { Tools } from "../../tools.ts";
import { completeLayers } from "../store/complete.ts";
import { type ImageRecord, imageStack, writeImage } from "../store/images.ts";
import { hasLayer, type LayerFiles, type LayerId } from "../store/layers.ts";
import { leaseLayers } from "../store/leases.ts";
import { withLayerLocks } from "../store/locks.ts";
import type { Stack } from "../store/stack.ts";
import { commitLayers, dropStaged, type Finished, stageLayer } from "../store/stage.ts";
import { unpackInto } from "../store/unpack.ts";
import type { Described, DescribedLayer } from "./describe.ts";
import { algorithmOf, hasherOf, hexOf, wrongDigest } from "./digest.ts";
import { download, makeSlots } from "./download.ts";
import { problemOfFailure } from "./failure.ts";
import { shortName } from "./name.ts";
import type { ImageSource } from "./source.ts";

/** An image that is to be in the store. */
export interface Pull {
  readonly source: ImageSource;
  readonly described: Described;
  /** Full name, for the record. */
  readonly reference: string;
  readonly platform: string;
  readonly signal: AbortSignal;
  /** Where the file asks for it. */
  readonly place: Place | null;
  readonly progress: (layers: readonly LayerProgress[]) => void;
  /** Milliseconds. */
  readonly sleep: (milliseconds: number) => Promise<void>;
}

/** How far one layer is. */
export interface LayerProgress {
  readonly name: string;
  readonly done: number;
  readonly total: number;
}

/**
 * Layers on their way at once: more would only share the same processors. Where the network is slower than
 * these, each of them comes over several connections.
 */
const layersAtOnce = (cpus: number): number => Math.min(6, Math.max(2, cpus + 1));
/** Chunks of 4 MiB in memory, of all downloads of this process. */
const chunks = makeSlots(10);
const sweep = makeSweeper({ minor: 4 << 20, major: 48 << 20 });

/**
 * Fetches and unpacks the layers that the store lacks, all at once, and writes the record when everything
 * is on the disk. Pulls of the same layers at the same time wait for each other: each digest has a lock,
 * taken in one order by everybody.
 */
export async function pull(tools: Tools, request: Pull): Promise<Result<Stack, Problem>> {
  const { described } = request;
  const ids = described.layers.map(({ id }) => id);
  leaseLayers(tools, ids);
  const missing = ids.filter((id) => !hasLayer(tools, id));
  const fetched = await withLayerLocks(tools, missing, {
    signal: request.signal,
    work: () => fetchMissing(tools, request),
  });
  if (!fetched.ok) return failure({ ...fetched.failure, place: fetched.failure.place ?? request.place });
  const layers = await completeLayers(tools, ids, request.signal);
  if (!layers.ok) return layers;
  const record = recordOf(request, layers.value);
  const written = await writeImage(tools, record);
  if (!written.ok) return written;
  const stack = imageStack(tools, record);
  if (stack === null) throw new Error(`layers of ${request.reference} are not there after they were pulled`);
  return success(stack);
}

const recordOf = ({ described, reference, platform }: Pull, layers: readonly LayerId[]): ImageRecord => ({
  version: 1,
  digest: described.digest,
  reference,
  platform,
  layers,
  config: described.config,
  size: described.size,
  pulledAt: new Date().toISOString(),
});

/** What is still missing now that nobody else works on it. */
async function fetchMissing(tools: Tools, request: Pull): Promise<Result<void, Problem>> {
  const layers = new Map(request.described.layers.map((layer) => [layer.id, layer]));
  const missing = [...layers.values()].filter((layer) => !hasLayer(tools, layer.id));
  const tracker = makeTracker(missing, request.progress);
  const giveUp = new AbortController();
  const signal = AbortSignal.any([request.signal, giveUp.signal]);
  const finished: Finished[] = [];
  const staged: LayerFiles[] = [];
  let failed: Problem | null = null;
  // The largest first: what is last to end should be small.
  const queue = missing.toSorted((a, b) => b.descriptor.size - a.descriptor.size);
  const worker = async (): Promise<void> => {
    for (let layer = queue.shift(); layer !== undefined && failed === null; layer = queue.shift()) {
      const stage = await stageLayer(tools);
      if (stage.ok) staged.push(stage.value);
      const done = stage.ok
        ? await fetchLayer(
            tools,
            { ...request, signal },
            { layer, stage: stage.value, progress: tracker(layer) },
          )
        : stage;
      if (done.ok && stage.ok) finished.push({ staged: stage.value, id: layer.id });
      else if (!done.ok) {
        // The others end because of this one: its reason is the one to tell.
        failed ??= done.failure;
        giveUp.abort();
      }
    }
  };
  await Promise.all(Array.from({ length: layersAtOnce(tools.host.cpus) }, worker));
  const committed = failed === null ? await commitLayers(tools, finished) : failure<Problem>(failed);
  if (!committed.ok) await dropStaged(tools, staged);
  return committed;
}

interface Job {
  readonly layer: DescribedLayer;
  readonly stage: LayerFiles;
  readonly progress: (done: number) => void;
}

/** One layer, streamed into pavlosc: it checks both digests and unpacks while the bytes arrive. */
async function fetchLayer(
  tools: Tools,
  request: Pull,
  { layer, stage, progress }: Job,
): Promise<Result<void, Problem>> {
  const { source, signal, place, sleep } = request;
  const { descriptor, diffId } = layer;
  let broken: unknown = null;
  const bytes = async function* (): AsyncGenerator<Buffer> {
    try {
      const options = { signal, sleep, now: () => performance.now(), chunks, progress };
      for await (const chunk of checked(source, layer, download(source, descriptor, options))) {
        yield chunk;
        sweep(chunk.length);
      }
    } catch (error) {
      broken = error;
      throw error;
    }
  };
  const unpacked = await unpackInto(tools, stage, {
    kind: diffId === null ? "archive" : "layer",
    from: bytes(),
    ...(algorithmOf(descriptor.digest) === "sha256" && source.verifies !== "content"
      ? { sha256: hexOf(descriptor.digest) }
      : {}),
    ...(diffId === null ? {} : { diffId }),
    what: `layer ${descriptor.digest.slice(0, 19)} of ${shortName(source.name)}`,
    signal,
  });
  if (unpacked.ok) return success(undefined);
  if (broken !== null && !signal.aborted) return failure(problemOfFailure(broken, place));
  return failure({ ...unpacked.failure, code: signal.aborted ? "interrupted" : "image-layer" });
}

/** pavlosc knows sha256; what has another digest is checked here, before its last byte is passed on. */
async function* checked(
  { name }: ImageSource,
  { descriptor }: DescribedLayer,
  bytes: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const { digest } = descriptor;
  if (algorithmOf(digest) === "sha256") {
    yield* bytes;
    return;
  }
  const hash = hasherOf(digest);
  for await (const chunk of bytes) {
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha512:${hash.digest("hex")}`;
  if (found !== digest) throw wrongDigest(`a layer of ${shortName(name)}`, digest, found);
}

/** Tells how far all layers are, ten times a second. */
function makeTracker(
  layers: readonly DescribedLayer[],
  tell: Pull["progress"],
): (layer: DescribedLayer) => (done: number) => void {
  const states = new Map(
    layers.map(({ descriptor, id }) => [
      id,
      { name: hexOf(descriptor.digest).slice(0, 12), done: 0, total: descriptor.size },
    ]),
  );
  let told = 0;
  return ({ id }) =>
    (done) => {
      const state = states.get(id);
      if (state !== undefined) states.set(id, { ...state, done });
      const now = performance.now();
      const complete = [...states.values()].every((layer) => layer.done === layer.total);
      if (now - told < 100 && !complete) return;
      told = now;
      tell([...states.values()]);
    };
}
