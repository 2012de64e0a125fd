import { readFileSync } from "node:fs";

/** Is this a program without an interpreter, that is: statically linked? False also for what is no ELF. */
export function isStaticProgram(path: string): boolean {
  const bytes = readFileSync(path);
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2 || bytes[5] !== 1)
    return false;
  const at = Number(bytes.readBigUInt64LE(32));
  const [size, count] = [bytes.readUInt16LE(54), bytes.readUInt16LE(56)];
  for (let index = 0; index < count; index++) {
    const header = at + index * size;
    // PT_INTERP: it names the dynamic linker.
    if (header + 4 <= bytes.length && bytes.readUInt32LE(header) === 3) return false;
  }
  return count > 0;
}
