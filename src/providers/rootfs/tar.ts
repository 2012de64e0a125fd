import { createReadStream, statSync } from "node:fs";
import { Readable } from "node:stream";

/** An entry of an archive that Pavlos itself writes: few, with short names, owned by root. */
export type TarEntry =
  | { readonly kind: "directory"; readonly path: string; readonly mode: number }
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "file"; readonly path: string; readonly mode: number; readonly text: string }
  /** The bytes of a file of the host. */
  | { readonly kind: "host-file"; readonly path: string; readonly mode: number; readonly source: string };

/** A ustar archive, as it is read; times are `epoch` (seconds), so that equal entries give equal bytes. */
export const tarStream = (entries: Iterable<TarEntry>, epoch = 0): Readable =>
  Readable.from(blocks(entries, epoch));

async function* blocks(entries: Iterable<TarEntry>, epoch: number): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    switch (entry.kind) {
      case "directory":
        yield header({ ...entry, path: `${entry.path}/`, type: "5", size: 0, target: "", epoch });
        break;
      case "link":
        yield header({ ...entry, mode: 0o777, type: "2", size: 0, epoch });
        break;
      case "file": {
        const data = Buffer.from(entry.text);
        yield header({ ...entry, type: "0", size: data.length, target: "", epoch });
        yield padded(data);
        break;
      }
      case "host-file": {
        const { size } = statSync(entry.source);
        yield header({ ...entry, type: "0", size, target: "", epoch });
        yield* dataOf(entry.source, size);
        break;
      }
    }
  }
  yield Buffer.alloc(1024);
}

async function* dataOf(source: string, size: number): AsyncGenerator<Buffer> {
  if (size === 0) return;
  let done = 0;
  for await (const chunk of createReadStream(source, { end: size - 1, highWaterMark: 1 << 18 })) {
    done += (chunk as Buffer).length;
    yield chunk as Buffer;
  }
  if (done !== size) throw new Error(`${source} became shorter while it was read`);
  yield Buffer.alloc((512 - (size % 512)) % 512);
}

const padded = (data: Buffer): Buffer =>
  Buffer.concat([data, Buffer.alloc((512 - (data.length % 512)) % 512)]);

interface Header {
  readonly path: string;
  readonly mode: number;
  readonly type: string;
  readonly size: number;
  readonly target: string;
  readonly epoch: number;
}

function header({ path, mode, type, size, target, epoch }: Header): Buffer {
  if (Buffer.byteLength(path) > 100 || Buffer.byteLength(target) > 100)
    throw new Error(`${path} is too long a name for this archive`);
  const block = Buffer.alloc(512);
  const octal = (value: number, at: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, "0")}\0`, at, "latin1");
  block.write(path, 0);
  octal(mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  // GNU's binary form above 8 GiB, which all readers of images know.
  if (size < 8 ** 11) octal(size, 124, 12);
  else {
    block[124] = 0x80;
    block.writeBigUInt64BE(BigInt(size), 128);
  }
  octal(epoch, 136, 12);
  block.write("        ", 148, "latin1");
  block.write(type, 156, "latin1");
  block.write(target, 157);
  block.write("ustar\x0000", 257, "latin1");
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
