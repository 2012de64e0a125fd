import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ImageFailure } from "../../../../src/providers/rootfs/image/failure.ts";
import { parseManifest } from "../../../../src/providers/rootfs/image/manifest.ts";
import { candidates, parsePlatform, printPlatform } from "../../../../src/providers/rootfs/image/platform.ts";
import { image, index, jsonBlob, types } from "../../../support/oci.ts";

const parse = (value: unknown, type: string | null = null) =>
  parseManifest(Buffer.from(JSON.stringify(value)), type, "x:1");
const sample = image({ layers: [[{ path: "a", content: "a" }]] });
const document = JSON.parse(sample.manifest.bytes.toString());
const docker = "application/vnd.docker.distribution.manifest.v2+json";

describe("manifests", () => {
  it("reads an image with its layers", () => {
    const manifest = parseManifest(sample.manifest.bytes, `${types.manifest}; charset=utf-8`, "x:1");
    expect(manifest).toMatchObject({ kind: "image", config: { digest: sample.config.descriptor.digest } });
  });

  it.each([
    ["a media type that differs from the server's", document, docker, "but the server calls it"],
    ["a list and an image at once", { ...document, mediaType: undefined, manifests: [] }, null, "at once"],
    [
      "a list that calls itself an image",
      { schemaVersion: 2, mediaType: types.manifest, manifests: [] },
      null,
      "not what its type",
    ],
    ["an unknown type", { ...document, mediaType: "text/plain" }, null, "no image's"],
    ["no object", [], null, "not an object"],
    [
      "a config without a digest",
      { ...document, config: { mediaType: types.config, size: 1 } },
      null,
      "is no digest",
    ],
    [
      "a digest that nobody can check",
      { ...document, config: { mediaType: types.config, size: 1, digest: "md5:0" } },
      null,
      "is no digest",
    ],
    ["a negative size", { ...document, config: { ...document.config, size: -1 } }, null, "no valid size"],
    ["layers that are no list", { ...document, layers: {} }, null, "not a list"],
    ["version 1", { schemaVersion: 1 }, null, "version 1"],
    [
      "an artifact",
      { ...document, config: { ...document.config, mediaType: "application/vnd.cncf.helm.config.v1+json" } },
      null,
      "no image of a root filesystem",
    ],
  ])("refuses %s", (_, value, type, why) => {
    expect(() => parse(value, type)).toThrow(why);
    expect(() => parse(value, type)).toThrow(ImageFailure);
  });

  it("takes what it does not know: subject, artifactType, further fields, no layers, embedded data", () => {
    const data = Buffer.from("{}").toString("base64");
    const manifest = parse({
      ...document,
      subject: {},
      artifactType: "x",
      own: 1,
      layers: [],
      config: { ...document.config, data },
    });
    expect(manifest).toMatchObject({ kind: "image", layers: [], config: { data: Buffer.from("{}") } });
  });

  it("is an image or a failure whatever the bytes are", () => {
    const seeds = [
      sample.manifest.bytes,
      index([sample.manifest.descriptor]).bytes,
      jsonBlob("x", { schemaVersion: 2 }).bytes,
    ];
    const mutation = fc.record({
      seed: fc.nat(seeds.length - 1),
      at: fc.nat(),
      remove: fc.nat(20),
      insert: fc.oneof(
        fc.string({ maxLength: 8 }),
        fc.constantFrom("null", "[]", "{}", "-1", "1e999", '"', "\\u0000", "9007199254740993"),
      ),
    });
    fc.assert(
      fc.property(fc.array(mutation, { minLength: 1, maxLength: 4 }), (mutations) => {
        let text = (seeds[mutations[0]?.seed ?? 0] ?? Buffer.alloc(0)).toString();
        for (const { at, remove, insert } of mutations) {
          const place = at % (text.length + 1);
          text = text.slice(0, place) + insert + text.slice(place + remove);
        }
        try {
          const manifest = parseManifest(Buffer.from(text), null, "x:1");
          const all = manifest.kind === "image" ? [manifest.config, ...manifest.layers] : manifest.manifests;
          for (const { digest, size } of all) {
            expect(digest).toMatch(/^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/);
            expect(size).toBeGreaterThanOrEqual(0);
          }
        } catch (error) {
          if (!(error instanceof ImageFailure)) throw error;
        }
      }),
      { numRuns: process.env.PAVLOS_LONG === "1" ? 300_000 : 2000 },
    );
  });
});

describe("the choice of a platform", () => {
  const entry = (platform: string, more: object = {}) => ({
    mediaType: types.manifest,
    digest: `sha256:${"0".repeat(64)}`,
    size: 1,
    urls: [],
    data: null,
    platform: platform === "" ? null : parsePlatform(platform),
    annotations: {},
    ...more,
  });
  const chosen = (wanted: string, entries: readonly string[]) =>
    candidates(
      entries.map((platform) => entry(platform)),
      parsePlatform(wanted),
    ).map(({ platform }) => (platform === null ? "" : printPlatform(platform)));

  it.each([
    ["linux/amd64", ["linux/arm64", "linux/amd64"], ["linux/amd64"]],
    ["linux/amd64", ["linux/amd64/v3", "linux/amd64"], ["linux/amd64"]],
    ["linux/amd64/v3", ["linux/amd64", "linux/amd64/v3"], ["linux/amd64/v3", "linux/amd64"]],
    ["linux/arm64", ["linux/arm/v7", "linux/arm64/v8"], ["linux/arm64/v8"]],
    [
      "linux/arm/v7",
      ["linux/arm/v5", "linux/arm/v6", "linux/arm/v7"],
      ["linux/arm/v7", "linux/arm/v6", "linux/arm/v5"],
    ],
    ["linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], ["linux/arm/v5"]],
    ["linux/amd64", ["unknown/unknown", "linux/amd64"], ["linux/amd64"]],
    ["linux/amd64", ["", "linux/amd64"], ["linux/amd64", ""]],
    ["linux/riscv64", ["linux/amd64"], []],
  ])("%s of %j is %j", (wanted, entries, expected) => {
    expect(chosen(wanted, entries)).toEqual(expected);
  });

  it("passes over attestations that claim a platform", () => {
    const attestation = entry("linux/amd64", {
      annotations: { "vnd.docker.reference.type": "attestation-manifest" },
    });
    expect(candidates([attestation], parsePlatform("linux/amd64"))).toEqual([]);
  });
});
