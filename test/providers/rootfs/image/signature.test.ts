import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { judge, readKey, signatureTag } from "../../../../src/providers/rootfs/image/signature.ts";

const digest = `sha256:${"a".repeat(64)}`;
const pairs = {
  ecdsa: generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ed25519: generateKeyPairSync("ed25519"),
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
};
const other = generateKeyPairSync("ec", { namedCurve: "P-256" });

const payloadOf = (of: string, type = "cosign container image signature"): Buffer =>
  Buffer.from(
    JSON.stringify({
      critical: { identity: {}, image: { "docker-manifest-digest": of }, type },
      optional: null,
    }),
  );

function signed(payload: Buffer, key: KeyObject) {
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  return { payload, signature: sign(algorithm, payload, key).toString("base64") };
}

describe.each(Object.entries(pairs))("a signature by %s", (_kind, { publicKey, privateKey }) => {
  it("counts for its digest and its key alone", () => {
    const good = signed(payloadOf(digest), privateKey);
    expect(judge(good, digest, [other.publicKey, publicKey])).toBeNull();
    expect(judge(good, digest, [other.publicKey])).toBe("other-key");
    expect(judge(good, digest, [])).toBe("other-key");
    expect(judge(good, `sha256:${"b".repeat(64)}`, [publicKey])).toBe("other-image");
  });

  it("does not count when a bit of it or of what was signed is another", () => {
    const { payload, signature } = signed(payloadOf(digest), privateKey);
    for (let at = 0; at < payload.length; at += 7) {
      const damaged = Buffer.from(payload);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      expect(judge({ payload: damaged, signature }, digest, [publicKey])).toBe("other-key");
    }
    const bytes = Buffer.from(signature, "base64");
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(judge({ payload, signature: bytes.toString("base64") }, digest, [publicKey])).toBe("other-key");
    expect(judge({ payload, signature: "" }, digest, [publicKey])).toBe("other-key");
  });

  it("of something else than an image says nothing", () => {
    expect(judge(signed(payloadOf(digest, "another type"), privateKey), digest, [publicKey])).toBe(
      "malformed",
    );
    expect(judge(signed(Buffer.from("no json"), privateKey), digest, [publicKey])).toBe("malformed");
  });
});

describe("a key", () => {
  it("is a public one in PEM", () => {
    const pem = pairs.ecdsa.publicKey.export({ type: "spki", format: "pem" }).toString();
    expect(readKey(pem)?.asymmetricKeyType).toBe("ec");
    const secret = pairs.ecdsa.privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    for (const text of ["", "hello", secret, pem.replace("MF", "XX")]) expect(readKey(text)).toBeNull();
  });

  it("has its signatures at a tag made from the digest", () => {
    expect(signatureTag(digest)).toBe(`sha256-${"a".repeat(64)}.sig`);
  });
});
