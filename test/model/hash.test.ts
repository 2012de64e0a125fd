import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { hashOf } from "../../src/model/hash.ts";

it("is the SHA-256 that Node computes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(hashOf(text)).toBe(createHash("sha256").update(text).digest("hex"));
    }),
  );
});
