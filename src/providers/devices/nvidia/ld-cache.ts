/** An entry of the loader's cache: a name and the file that answers to it. */
export interface CacheEntry {
  readonly name: string;
  readonly path: string;
  /** Architecture: flags & 0xff00. */
  readonly architecture: number;
}

/** As the cache's flags have them. */
export const architectures = { x64: 0x0300, arm64: 0x0a00, i386: 0 } as const;

const magic = "glibc-ld.so.cache1.1";
const oldMagic = "ld.so-1.7.0";

/** Entries of /etc/ld.so.cache with these names; empty when it is none (or cut off). */
export function parseCache(bytes: Uint8Array, names: readonly string[]): readonly CacheEntry[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = newFormat(buffer);
  if (start === null) return [];
  const count = buffer.readUInt32LE(start + 20);
  const entries: CacheEntry[] = [];
  for (let index = 0; index < count; index += 1) {
    const at = start + 48 + index * 24;
    if (at + 24 > buffer.length) break;
    const name = textAt(buffer, start + buffer.readUInt32LE(at + 4));
    if (name === null || !names.includes(name)) continue;
    const path = textAt(buffer, start + buffer.readUInt32LE(at + 8));
    if (path !== null) entries.push({ name, path, architecture: buffer.readInt32LE(at) & 0xff00 });
  }
  return entries;
}

/** An old table may stand before the new one, which then begins at a multiple of eight. */
function newFormat(buffer: Buffer): number | null {
  const is = (text: string, at: number) => buffer.toString("latin1", at, at + text.length) === text;
  let start = 0;
  if (buffer.length > 16 && is(oldMagic, 0)) start = Math.ceil((16 + buffer.readUInt32LE(12) * 12) / 8) * 8;
  return start + 48 <= buffer.length && is(magic, start) ? start : null;
}

function textAt(buffer: Buffer, at: number): string | null {
  const end = at < buffer.length ? buffer.indexOf(0, at) : -1;
  return end < 0 ? null : buffer.toString("utf8", at, end);
}
