import type { DriverTree } from "../../../host/driver-tree.ts";

const dynamicSegment = 2;
const tags = { end: 0, stringTable: 5, soname: 14 } as const;

/** DT_SONAME of a 64-bit little-endian library; null: it has none, or is none. */
export function sonameOf(tree: DriverTree, path: string): string | null {
  const bytes = tree.bytes(path);
  if (bytes === null || bytes.length < 64) return null;
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.readUInt32BE(0) !== 0x7f454c46 || buffer[4] !== 2 || buffer[5] !== 1) return null;
  try {
    return read(buffer);
  } catch (error) {
    // Cut off in the middle: an offset leads outside.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function read(buffer: Buffer): string | null {
  const segments = segmentsOf(buffer);
  const dynamic = segments.find(({ type }) => type === dynamicSegment);
  if (dynamic === undefined) return null;
  const values = new Map<number, number>();
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += 16) {
    const tag = Number(buffer.readBigInt64LE(at));
    if (tag === tags.end) break;
    values.set(tag, Number(buffer.readBigUInt64LE(at + 8)));
  }
  const name = values.get(tags.soname);
  const table = values.get(tags.stringTable);
  if (name === undefined || table === undefined) return null;
  const home = segments.find(
    ({ type, address, size }) => type === 1 && table >= address && table < address + size,
  );
  const start = (home === undefined ? table : table - home.address + home.offset) + name;
  const end = buffer.indexOf(0, start);
  return end < 0 ? null : buffer.toString("latin1", start, end);
}

function segmentsOf(buffer: Buffer): readonly Segment[] {
  const start = Number(buffer.readBigUInt64LE(32));
  const size = buffer.readUInt16LE(54);
  return Array.from({ length: buffer.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size;
    return {
      type: buffer.readUInt32LE(at),
      offset: Number(buffer.readBigUInt64LE(at + 8)),
      address: Number(buffer.readBigUInt64LE(at + 16)),
      size: Number(buffer.readBigUInt64LE(at + 32)),
    };
  });
}
