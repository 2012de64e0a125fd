import { reasonOf } from "../../../host/errno.ts";
import { wrongDigest } from "./digest.ts";
import { ImageFailure } from "./failure.ts";
import type { Descriptor } from "./manifest.ts";
import { isAbort } from "./registry/session.ts";
import type { ImageSource, Opened, Range } from "./source.ts";

export interface DownloadOptions {
  readonly signal: AbortSignal;
  readonly sleep: (milliseconds: number) => Promise<void>;
  /** Milliseconds, of a clock that only goes forward. */
  readonly now: () => number;
  /** Chunks that may lie in memory, of all downloads together. */
  readonly chunks: Slots;
  /** Told each time that bytes have arrived: how many in all. */
  readonly progress: (done: number) => void;
}

/** At most `count` things at once; the rest waits in order. */
export interface Slots {
  take(): Promise<void>;
  give(): void;
}

/** Of one chunk while several of the same blob are fetched at once. */
export const chunkSize = 4 << 20;
const mostAhead = 8;
/** Of one blob in a row without a single byte. */
const mostFailures = 5;

/**
 * A blob's bytes, in order. Begins as one stream; where the network, not the reader, is what is waited for,
 * the rest comes in chunks over several connections. What breaks off is resumed where it stopped. Whoever
 * reads it checks the digest: nothing here holds more than a few chunks. A piece is overwritten when the next is
 * asked for.
 */
export async function* download(
  source: ImageSource,
  descriptor: Descriptor,
  options: DownloadOptions,
): AsyncGenerator<Buffer> {
  const { size, data } = descriptor;
  if (data !== null && data.length === size) {
    if (size > 0) yield data;
    options.progress(size);
    return;
  }
  const state: State = { source, descriptor, options, ranged: true };
  let done = 0;
  const patience = makePatience(options.now);
  for await (const bytes of stream(state, { start: 0, end: size })) {
    patience.arrived(bytes.length);
    yield bytes;
    done += bytes.length;
    options.progress(done);
    if (state.ranged && size - done > 4 * chunkSize && patience.isNetworkBound()) break;
    patience.asking();
  }
  for await (const bytes of rest(state, done)) {
    yield bytes;
    done += bytes.length;
    options.progress(done);
  }
}

interface State {
  readonly source: ImageSource;
  readonly descriptor: Descriptor;
  readonly options: DownloadOptions;
  /** False once the source has ignored a range. */
  ranged: boolean;
}

/**
 * The bytes from `from` on, in chunks of which several are fetched at once. The first goes alone: it tells
 * whether the source takes ranges at all, and without them the rest is one stream again.
 */
async function* rest(state: State, from: number): AsyncGenerator<Buffer> {
  const { descriptor, options } = state;
  const ahead: Promise<readonly Buffer[]>[] = [];
  let [done, next, width] = [from, from, 1];
  try {
    while (done < descriptor.size && state.ranged) {
      for (; ahead.length < width && next < descriptor.size; next += chunkSize)
        ahead.push(collect(state, { start: next, end: Math.min(next + chunkSize, descriptor.size) }));
      const pieces = (await ahead[0]) ?? [];
      void ahead.shift();
      try {
        for (const piece of pieces) yield piece;
      } finally {
        options.chunks.give();
      }
      done += pieces.reduce((sum, piece) => sum + piece.length, 0);
      width = mostAhead;
    }
  } finally {
    for (const chunk of ahead) void chunk.then(options.chunks.give, () => undefined);
  }
  if (done < descriptor.size) yield* stream(state, { start: done, end: descriptor.size });
}

/** A chunk in memory; its slot is given back by whoever has used it up, here after a failure. */
function collect(state: State, range: Range & { end: number }): Promise<readonly Buffer[]> {
  const chunk = fetchChunk(state, range);
  // It is awaited in its turn: until then a failure of it is nobody's surprise.
  chunk.catch(() => undefined);
  return chunk;
}

async function fetchChunk(state: State, range: Range & { end: number }): Promise<readonly Buffer[]> {
  await state.options.chunks.take();
  try {
    const pieces: Buffer[] = [];
    for await (const piece of stream(state, range)) pieces.push(Buffer.from(piece));
    return pieces;
  } catch (error) {
    state.options.chunks.give();
    throw error;
  }
}

/** The bytes of a range, resumed when they break off. */
async function* stream(state: State, { start, end }: Range & { end: number }): AsyncGenerator<Buffer> {
  const { source, descriptor, options } = state;
  let offset = start;
  for (let failures = 0; offset < end; ) {
    const before = offset;
    try {
      const whole = end === descriptor.size;
      const opened = await source.open(descriptor, { start: offset, end: whole ? null : end });
      if (offset > 0 && opened.start !== offset) state.ranged = false;
      for await (const piece of within(opened, { offset, end, descriptor, source })) {
        yield piece;
        offset += piece.length;
      }
      if (offset < end) throw new Error("the connection ended early");
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof ImageFailure || isAbort(error)) throw error;
      failures = offset > before ? 1 : failures + 1;
      if (failures === mostFailures) throw brokenOff(state, offset, error);
      await options.sleep(Math.min(60_000, 1000 * 2 ** failures));
    }
  }
}

interface Wanted {
  readonly offset: number;
  readonly end: number;
  readonly descriptor: Descriptor;
  readonly source: ImageSource;
}

/** Of what comes, the part that is wanted: a server may begin earlier than asked, or go on for longer. */
async function* within(opened: Opened, { offset, end, descriptor, source }: Wanted): AsyncGenerator<Buffer> {
  let at = opened.start;
  if (at > offset) throw new Error(`it begins at ${at} where ${offset} was asked for`);
  try {
    for await (const chunk of opened.body) {
      const [from, to] = [Math.max(0, offset - at), Math.min(chunk.length, end - at)];
      at += chunk.length;
      if (end === descriptor.size && at > end) throw tooLong(source, descriptor);
      if (to > from) yield from === 0 && to === chunk.length ? chunk : chunk.subarray(from, to);
      if (at >= end && end !== descriptor.size) return;
    }
  } finally {
    opened.cancel();
  }
}

/** Watches what a stream waits for: its source or its reader. */
function makePatience(now: () => number) {
  const began = now();
  let [asked, waited, bytes] = [began, 0, 0];
  return {
    asking: (): void => {
      asked = now();
    },
    arrived: (length: number): void => {
      waited += now() - asked;
      bytes += length;
    },
    /** After a while worth judging by: most of the time nothing was there to be read. */
    isNetworkBound: (): boolean => {
      const elapsed = now() - began;
      return elapsed > 500 && bytes > 1 << 20 && waited > 0.6 * elapsed;
    },
  };
}

const tooLong = ({ name }: ImageSource, { digest, size }: Descriptor): ImageFailure =>
  wrongDigest(`a layer of ${name}`, digest, `that of something longer than ${size} bytes`);

function brokenOff({ source, descriptor }: State, offset: number, error: unknown): ImageFailure {
  return new ImageFailure({
    code: "image-truncated",
    message: `${descriptor.digest.slice(0, 19)} of ${source.name} breaks off after ${offset} of ${descriptor.size} bytes: ${reasonOf(error)}`,
    hint: "run the command again; if it stays so, the registry has lost a part of the image",
    cause: error,
  });
}

export function makeSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    take: () => {
      if (free > 0) {
        free -= 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => waiting.push(resolve));
    },
    give: () => {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
  };
}
