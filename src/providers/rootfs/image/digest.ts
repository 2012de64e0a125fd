import { createHash, type Hash } from "node:crypto";
import { ImageFailure } from "./failure.ts";

const pattern = /^(sha256):([0-9a-f]{64})$|^(sha512):([0-9a-f]{128})$/;

/** "sha256" or "sha512"; anything else is refused, also where a registry says it. */
export function algorithmOf(digest: string): "sha256" | "sha512" {
  const found = pattern.exec(digest);
  if (found === null)
    throw new ImageFailure({
      code: "image-digest",
      message: `"${digest.slice(0, 100)}" is no digest that can be checked`,
      expected: "sha256: and 64 hex digits, or sha512: and 128",
    });
  return found[1] === undefined ? "sha512" : "sha256";
}

export const isDigest = (text: string): boolean => pattern.test(text);

export const hasherOf = (digest: string): Hash => createHash(algorithmOf(digest));

/** The hex part. */
export const hexOf = (digest: string): string => digest.slice(digest.indexOf(":") + 1);

export const sha256Of = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Bytes must be what their digest says. */
export function verify(bytes: Uint8Array, digest: string, what: string): void {
  const found = hasherOf(digest).update(bytes).digest("hex");
  if (found !== hexOf(digest)) throw wrongDigest(what, digest, `${algorithmOf(digest)}:${found}`);
}

export const wrongDigest = (what: string, wanted: string, found: string): ImageFailure =>
  new ImageFailure({
    code: "image-digest",
    message: `${what} has the digest ${found}, not ${wanted}`,
    hint: "it was damaged or changed on its way: try again, and mistrust the server if it stays so",
  });
