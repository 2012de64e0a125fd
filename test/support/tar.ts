import { Buffer } from "node:buffer";

/** One entry of a tar archive, as a test writes it. */
export interface TarEntry {
  readonly path: string;
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "char" | "pax" | "long";
  readonly content?: string | Buffer;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  /** Of links. */
  readonly target?: string;
  /** Seconds. */
  readonly mtime?: number;
}

const flags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  char: "3",
  directory: "5",
  pax: "x",
  long: "L",
} as const;

/** A ustar archive with its end mark. */
export function tar(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? "");
    const rest = (512 - (content.length % 512)) % 512;
    return [header(entry, content.length), content, Buffer.alloc(rest)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

/** Makes the checksum of the block at `position` right again, when it is a header at all. */
export function seal(archive: Buffer, position: number): void {
  const start = position - (position % 512);
  const block = archive.subarray(start, start + 512);
  if (block.every((byte) => byte === 0)) return;
  block.write("        ", 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}

function header(entry: TarEntry, size: number): Buffer {
  const { path, type = "file" } = entry;
  const block = Buffer.alloc(512);
  const [prefix, name] = split(path);
  const octal = (value: number, width: number) => value.toString(8).padStart(width - 1, "0");
  block.write(name, 0, 100);
  block.write(octal(entry.mode ?? (type === "directory" ? 0o755 : 0o644), 8), 100);
  block.write(octal(entry.uid ?? 0, 8), 108);
  block.write(octal(entry.gid ?? 0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(entry.mtime ?? 1_700_000_000, 12), 136);
  block.write("        ", 148);
  block.write(flags[type], 156);
  block.write(entry.target ?? "", 157, 100);
  block.write("ustar\u000000", 257);
  block.write(prefix, 345, 155);
  seal(block, 0);
  return block;
}

/** ustar's way with more than 100 bytes: the front goes into a prefix. */
function split(path: string): readonly [string, string] {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  const slash = path.indexOf("/", path.length - 101);
  return [path.slice(0, slash), path.slice(slash + 1)];
}
