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
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 0x9e3779b1);
    low = Math.imul(low ^ code, 0x5f356495);
  }
  const mixed = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  const other = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return hex(mixed) + hex(other);
}

const hex = (number: number): string => (number >>> 0).toString(16).padStart(8, "0");
