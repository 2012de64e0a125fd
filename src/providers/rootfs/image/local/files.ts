import { join } from "node:path";
import { bytesOf, smallFile } from "../../../../host/random-access.ts";
import { trees } from "../../../../host/trees.ts";
import { indexTar } from "./tar-index.ts";

/** Files of an image on this disk: in a directory, or in a tar archive. */
export interface ImageFiles {
  /** For messages. */
  readonly path: string;
  /** Null: there is none. Only for small ones. */
  read(name: string): Promise<Buffer | null>;
  /** Bytes; null: there is none. */
  size(name: string): number | null;
  open(name: string, start: number, end: number | null): AsyncIterable<Buffer>;
}

const largest = 4 << 20;

export const directoryFiles = (path: string): ImageFiles => ({
  path,
  read: (name) => smallFile(join(path, name), largest),
  size: (name) => trees.realStats(join(path, name))?.size ?? null,
  open: (name, start, end) => bytesOf(join(path, name), start, end),
});

export async function tarFiles(path: string): Promise<ImageFiles> {
  const index = await indexTar(path);
  const open = (name: string, start: number, end: number | null): AsyncIterable<Buffer> => {
    const extent = index.get(name) ?? { start: 0, size: 0 };
    const stop = end === null ? extent.size : Math.min(end, extent.size);
    return bytesOf(path, extent.start + start, extent.start + stop);
  };
  return {
    path,
    size: (name) => index.get(name)?.size ?? null,
    open,
    async read(name) {
      const extent = index.get(name);
      if (extent === undefined || extent.size > largest) return null;
      const chunks: Buffer[] = [];
      for await (const chunk of open(name, 0, null)) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
  };
}
