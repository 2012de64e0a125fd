import { createPublicKey, type KeyObject, verify as verifyBytes } from "node:crypto";

/** One signature as cosign keeps it: the bytes that were signed, and the signature of them. */
export interface Signed {
  readonly payload: Buffer;
  /** Base64. */
  readonly signature: string;
}

/** Why a signature does not count; null: it is good for this digest. */
export type Verdict = "other-key" | "other-image" | "malformed" | null;

/**
 * Is this cosign's simple signing of exactly this digest, by one of these keys? Pure. The payload is only
 * read when its signature is right.
 */
export function judge({ payload, signature }: Signed, digest: string, keys: readonly KeyObject[]): Verdict {
  const bytes = Buffer.from(signature, "base64");
  if (!keys.some((key) => isSignedBy(key, payload, bytes))) return "other-key";
  const signed = digestIn(payload);
  if (signed === null) return "malformed";
  return signed === digest ? null : "other-image";
}

/** ECDSA and RSA sign the SHA-256 of the payload, Ed25519 the payload itself. */
function isSignedBy(key: KeyObject, payload: Buffer, signature: Buffer): boolean {
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  try {
    return verifyBytes(algorithm, payload, key, signature);
  } catch {
    // Not a signature of this kind of key at all: as good as a wrong one.
    return false;
  }
}

function digestIn(payload: Buffer): string | null {
  try {
    const { critical } = JSON.parse(payload.toString()) as { critical?: Record<string, unknown> };
    const image = critical?.image as Record<string, unknown> | undefined;
    const digest = image?.["docker-manifest-digest"];
    if (critical?.type !== "cosign container image signature" || typeof digest !== "string") return null;
    return digest;
  } catch {
    // Signed, but no simple signing: then it says nothing of an image.
    return null;
  }
}

/** A public key in PEM; null: it is none, or of a kind that cosign does not use. */
export function readKey(pem: string): KeyObject | null {
  if (!pem.includes("-----BEGIN PUBLIC KEY-----")) return null;
  try {
    const key = createPublicKey(pem);
    return ["ec", "rsa", "ed25519"].includes(key.asymmetricKeyType ?? "") ? key : null;
  } catch {
    // Damaged: the caller says so.
    return null;
  }
}

/** Where cosign keeps the signatures of a digest, as a tag beside the image. */
export const signatureTag = (digest: string): string => `${digest.replace(":", "-")}.sig`;
