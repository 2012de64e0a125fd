import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { isMissing } from "./errno.ts";

/** Bytes of a file from `start` on, up to and without `end` (null: to its end). */
export const bytesOf = (path: string, start: number, end: number | null): AsyncIterable<Buffer> =>
  end !== null && end <= start
    ? nothing()
    : createReadStream(path, { start, highWaterMark: 1 << 18, ...(end === null ? {} : { end: end - 1 }) });

async function* nothing(): AsyncGenerator<Buffer> {
  // A read stream cannot be empty.
}

/** A whole file of at most `most` bytes; null: missing. Throws when it is larger. */
export async function smallFile(path: string, most: number): Promise<Buffer | null> {
  try {
    const { size } = await stat(path);
    if (size > most) throw new Error(`${path} is larger than ${most} bytes`);
    const chunks: Buffer[] = [];
    for await (const chunk of createReadStream(path)) chunks.push(chunk);
    return Buffer.concat(chunks);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Reads pieces of one open file; the reader closes it. */
export interface Pieces {
  /** Fewer bytes than asked for at the end of the file. */
  at(position: number, length: number): Promise<Buffer>;
  close(): Promise<void>;
}

export async function openPieces(path: string): Promise<Pieces> {
  const file = await open(path, "r");
  return {
    async at(position, length) {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
      return buffer.subarray(0, bytesRead);
    },
    close: () => file.close(),
  };
}
