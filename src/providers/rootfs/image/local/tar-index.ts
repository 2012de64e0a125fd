import { openPieces, type Pieces } from "../../../../host/random-access.ts";
import { ImageFailure } from "../failure.ts";

/** Where a file lies in an archive. */
export interface Extent {
  readonly start: number;
  readonly size: number;
}

const block = 512;
const mostEntries = 100_000;
const longestName = 1 << 20;

/**
 * The files of a tar archive (an image's: some dozens, and large) by their normalised paths; links of
 * either kind count as what they lead to. Only headers are read.
 */
export async function indexTar(path: string): Promise<ReadonlyMap<string, Extent>> {
  const pieces = await openPieces(path);
  try {
    return await readIndex(pieces, path);
  } finally {
    await pieces.close();
  }
}

async function readIndex(pieces: Pieces, path: string): Promise<ReadonlyMap<string, Extent>> {
  const files = new Map<string, Extent>();
  const links = new Map<string, string>();
  let long: { name?: string; size?: number } = {};
  let position = 0;
  for (let count = 0; count < mostEntries; count++) {
    const header = await pieces.at(position, block);
    if (count === 0) refuseCompressed(header, path);
    if (header.length < block || header.every((byte) => byte === 0)) break;
    const entry = readHeader(header, path);
    const size = long.size ?? entry.size;
    const start = position + block;
    position = start + Math.ceil(size / block) * block;
    if (!Number.isSafeInteger(size) || size < 0 || !Number.isSafeInteger(position))
      throw broken(path, "a size in it is impossible");
    if (entry.type === "x" || entry.type === "L") {
      if (size > longestName) throw broken(path, "a name in it is too long");
      const data = await pieces.at(start, size);
      long = entry.type === "L" ? { ...long, name: textOf(data) } : { ...long, ...readPax(data) };
      continue;
    }
    const name = normal(long.name ?? entry.name);
    if (entry.type === "0" || entry.type === "\0") files.set(name, { start, size });
    if (entry.type === "1") links.set(name, normal(entry.target));
    if (entry.type === "2") links.set(name, normal(`${name}/../${entry.target}`));
    long = {};
  }
  for (const [name, target] of links) {
    const extent = files.get(target) ?? files.get(links.get(target) ?? "");
    if (extent !== undefined) files.set(name, extent);
  }
  return files;
}

function refuseCompressed(header: Buffer, path: string): void {
  if (header.length < 4) throw broken(path, "it is empty");
  const kind =
    header[0] === 0x1f && header[1] === 0x8b ? "gzip" : header.readUInt32BE(0) === 0x28b52ffd ? "zstd" : null;
  if (kind === null) return;
  throw new ImageFailure({
    code: "image-archive",
    message: `${path} is compressed with ${kind}: its parts cannot be found without reading all of it`,
    hint: kind === "gzip" ? `decompress it once: gunzip ${path}` : `decompress it once: zstd -d ${path}`,
  });
}

interface Header {
  readonly name: string;
  readonly type: string;
  readonly size: number;
  readonly target: string;
}

function readHeader(header: Buffer, path: string): Header {
  const sum = header.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== numberIn(header.subarray(148, 156))) throw broken(path, "a header's checksum is wrong");
  const ustar = header.toString("latin1", 257, 262) === "ustar";
  const prefix = ustar && header[263] === 0x30 ? textOf(header.subarray(345, 500)) : "";
  const name = textOf(header.subarray(0, 100));
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: String.fromCharCode(header[156] ?? 0),
    size: numberIn(header.subarray(124, 136)),
    target: textOf(header.subarray(157, 257)),
  };
}

/** Octal, or GNU's base 256 for what does not fit. */
function numberIn(field: Buffer): number {
  if (((field[0] ?? 0) & 0x80) === 0) return Number.parseInt(textOf(field).trim() || "0", 8) || 0;
  return field.subarray(4).reduce((value, byte) => value * 256 + byte, 0);
}

function textOf(field: Buffer): string {
  const end = field.indexOf(0);
  return field.toString("utf8", 0, end < 0 ? field.length : end);
}

function readPax(data: Buffer): { name?: string; size?: number } {
  const found: { name?: string; size?: number } = {};
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(32, at);
    const length = Number(data.toString("latin1", at, space));
    // Shorter than itself, or a fraction: it would not lead on.
    if (space < 0 || !Number.isSafeInteger(length) || at + length <= space) break;
    const record = data.toString("utf8", space + 1, at + length - 1);
    if (record.startsWith("path=")) found.name = record.slice(5);
    if (record.startsWith("size=")) found.size = Number(record.slice(5));
    at += length;
  }
  return found;
}

/** Without leading and double slashes, "." and "..". */
function normal(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

const broken = (path: string, why: string): ImageFailure =>
  new ImageFailure({
    code: "image-archive",
    message: `${path} cannot be read as a tar archive: ${why}`,
    hint: "make it anew (docker save, skopeo copy)",
  });
