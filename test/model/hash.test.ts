import { createHash } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { fingerprintOf, hashOf } from "../../src/model/hash.ts";

it("is the SHA-256 that Node computes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(hashOf(text)).toBe(createHash("sha256").update(text).digest("hex"));
    }),
  );
});

it("has another fingerprint for each of many texts that are almost the same", () => {
  const names = Array.from({ length: 50_000 }, (_, index) => `["libnvidia-${index % 250}.so.${index}"]`);
  const prints = names.flatMap((name) => [name, `${name} `, `\u0000${name}`]).map(fingerprintOf);
  expect(new Set(prints).size).toBe(150_000);
  expect(prints.every((print) => /^[0-9a-f]{16}$/.test(print))).toBe(true);
  expect(fingerprintOf("")).toBe(fingerprintOf(""));
});
