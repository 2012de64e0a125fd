import { verify } from "./digest.ts";
import { type Descriptor, largestManifest, malformed } from "./manifest.ts";
import type { ImageSource } from "./source.ts";

/**
 * A blob that is a document (a configuration, a signature's payload), held in memory and verified.
 * Throws ImageFailure when it is larger than a manifest may be, or is not what its digest says.
 */
export async function readSmallBlob(
  source: ImageSource,
  descriptor: Descriptor,
  what: string,
): Promise<Buffer> {
  const { size: limit, data, digest } = descriptor;
  if (limit > largestManifest) throw malformed(what, `it is said to be ${limit} bytes large`);
  const bytes = data === null ? await fetched(source, descriptor) : Buffer.from(data);
  verify(bytes, digest, what);
  return bytes;
}

/** No further than one piece beyond the size that it is said to have: its digest is wrong then. */
async function fetched(source: ImageSource, descriptor: Descriptor): Promise<Buffer> {
  const opened = await source.open(descriptor, { start: 0, end: null });
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of opened.body) {
      chunks.push(Buffer.from(chunk));
      size += chunk.length;
      if (size > descriptor.size) break;
    }
  } finally {
    opened.cancel();
  }
  return Buffer.concat(chunks);
}
