import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";

/**
 * SHA-256 of a short text, in hex: for names that every command needs. Loading Node's own takes longer than
 * reading the files of a project; for content it is the right one.
 */
export const hashOf = (text: string): string => bytesToHex(sha256(utf8ToBytes(text)));
