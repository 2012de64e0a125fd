import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/**
 * SHA-256 of a short text, in hex: for names that every command needs. Loading Node's own takes longer than
 * reading the files of a project; for content it is the right one.
 */
export const hashOf = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));

/**
 * 64 bits of a text in hex, in a tenth of the time: a name for what comes from trusted facts. Who chooses the
 * text can make two with the same.
 */
export function fingerprintOf(text: string): string {
  const bytes = Buffer.alloc((Buffer.byteLength(text) + 3) & ~3);
  bytes.write(text);
  let high = 0xdeadbeef;
  let low = 0x41c6ce57 ^ text.length;
  for (const word of new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)) {
    high = Math.imul(high ^ word, 0x9e3779b1);
    low = Math.imul(low ^ word, 0x5f356495);
    high ^= high >>> 15;
    low ^= low >>> 13;
  }
  const mixed = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  const other = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return hex(mixed) + hex(other);
}

const hex = (number: number): string => (number >>> 0).toString(16).padStart(8, "0");
