import type { DriverTree } from "../../../host/driver-tree.ts";

const segmentTypes = { load: 1, dynamic: 2 } as const;
const tags = { end: 0, stringTable: 5, soname: 14 } as const;

/** What no real library exceeds: more is damage. */
const limits = { segments: 64, dynamic: 16 << 10, name: 256 } as const;

/** DT_SONAME of a 64-bit little-endian library; null: it has none, or is none. Four short reads. */
export function sonameOf(tree: DriverTree, path: string): string | null {
  try {
    return tree.reading(path, (part) =>
      read((from, length) => (Number.isSafeInteger(from) && from >= 0 ? part(from, length) : null)),
    );
  } catch (error) {
    // Cut off in the middle: a field lies outside.
    if (error instanceof RangeError) return null;
    throw error;
  }
}

type Part = (from: number, length: number) => Buffer | null;

function read(part: Part): string | null {
  const head = part(0, 64);
  if (head === null || head.length < 64) return null;
  if (head.readUInt32BE(0) !== 0x7f454c46 || head[4] !== 2 || head[5] !== 1) return null;
  const segments = segmentsOf(head, part);
  const dynamic = segments.find(({ type }) => type === segmentTypes.dynamic);
  const table = dynamic === undefined ? null : part(dynamic.offset, Math.min(dynamic.size, limits.dynamic));
  if (table === null) return null;
  const values = new Map<number, number>();
  for (let at = 0; at + 16 <= table.length; at += 16) {
    const tag = Number(table.readBigInt64LE(at));
    if (tag === tags.end) break;
    values.set(tag, Number(table.readBigUInt64LE(at + 8)));
  }
  const [name, strings] = [values.get(tags.soname), values.get(tags.stringTable)];
  if (name === undefined || strings === undefined) return null;
  const text = part(offsetOf(strings, segments) + name, limits.name);
  const end = text?.indexOf(0) ?? -1;
  return text === null || end < 0 ? null : text.toString("latin1", 0, end);
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function segmentsOf(head: Buffer, part: Part): readonly Segment[] {
  const size = head.readUInt16LE(54);
  const count = Math.min(head.readUInt16LE(56), limits.segments);
  const table = part(Number(head.readBigUInt64LE(32)), size * count);
  if (table === null) return [];
  return Array.from({ length: count }, (_, index) => {
    const at = index * size;
    return {
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      size: Number(table.readBigUInt64LE(at + 32)),
    };
  });
}

/** Where an address is in the file. */
function offsetOf(address: number, segments: readonly Segment[]): number {
  const home = segments.find(
    (segment) =>
      segment.type === segmentTypes.load &&
      address >= segment.address &&
      address < segment.address + segment.size,
  );
  return home === undefined ? address : address - home.address + home.offset;
}
