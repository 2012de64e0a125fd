import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { withDefaults } from "../../../../src/providers/rootfs/image/defaults.ts";
import { ImageFailure } from "../../../../src/providers/rootfs/image/failure.ts";
import { parseImageDocument } from "../../../../src/providers/rootfs/image/image-config.ts";
import { parseManifest } from "../../../../src/providers/rootfs/image/manifest.ts";
import { candidates, parsePlatform, printPlatform } from "../../../../src/providers/rootfs/image/platform.ts";
import { environment as environmentOf } from "../../../reconcile/support/environments.ts";
import { fuzz, fuzzTimeout, mutated } from "../../../support/fuzz.ts";
import { image, index, jsonBlob, types } from "../../../support/oci.ts";

const parse = (value: unknown, type: string | null = null) =>
  parseManifest(Buffer.from(JSON.stringify(value)), type, "x:1");
const sample = image({ layers: [[{ path: "a", content: "a" }]] });
const document = JSON.parse(sample.manifest.bytes.toString());
const words = ["null", "[]", "{}", "-1", "1e999", '"', "\\u0000", "9007199254740993", "__proto__", "sha256:"];
const plain = environmentOf("a", { command: [] });
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

  it("is an image or a failure whatever the bytes are", { timeout: fuzzTimeout }, async () => {
    const seeds = [
      sample.manifest.bytes,
      index([sample.manifest.descriptor]).bytes,
      jsonBlob("x", { schemaVersion: 2 }).bytes,
    ];
    await fuzz(
      "manifests",
      fc.property(mutated(seeds, words), (text) => {
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
      2000,
    );
  });
});

describe("the configuration of an image", () => {
  it("says nothing where it says what is larger than every number", () => {
    const said =
      '{"config": {"Healthcheck": {"Test": ["CMD", "true"], "Interval": 1e999, "Retries": 1e999}}}';
    const { config } = parseImageDocument(Buffer.from(said), "x:1");
    expect(config.healthcheck).toMatchObject({ interval: null, retries: null });
  });

  it("is what it says or a failure whatever the bytes are", { timeout: fuzzTimeout }, async () => {
    const full = {
      os: "linux",
      architecture: "arm64",
      variant: "v8",
      rootfs: { type: "layers", diff_ids: [`sha256:${"a".repeat(64)}`] },
      config: {
        Entrypoint: ["/bin/sh", "-c"],
        Cmd: ["exec sleep 1"],
        Env: ["PATH=/bin", "__proto__=x", "A"],
        User: "1000:20",
        WorkingDir: "srv",
        StopSignal: "SIGRTMIN+3",
        Volumes: { "/data": {} },
        ExposedPorts: { "80/tcp": {} },
        Healthcheck: { Test: ["CMD", "true"], Interval: 1e9, Timeout: 1e9, StartPeriod: 1, Retries: 3 },
        Labels: { a: "b" },
      },
    };
    await fuzz(
      "configurations of images",
      fc.property(mutated([sample.config.bytes, jsonBlob("x", full).bytes], words), (text) => {
        try {
          const { diffIds, config } = parseImageDocument(Buffer.from(text), "x:1");
          for (const id of diffIds) expect(id).toMatch(/^[0-9a-f]{64}$/);
          const { entrypoint, cmd, volumes, exposedPorts, healthcheck } = config;
          const said = [...entrypoint, ...cmd, ...volumes, ...exposedPorts, ...(healthcheck?.test ?? [])];
          for (const one of [...said, ...Object.values(config.env)]) expect(typeof one).toBe("string");
          for (const time of [healthcheck?.interval, healthcheck?.timeout, healthcheck?.retries])
            expect(Number.isSafeInteger(time ?? 0)).toBe(true);
          // What it stands for goes below an environment, and into a record.
          const { environment } = withDefaults(plain, config, new Map());
          expect(JSON.parse(JSON.stringify(environment))).toEqual(environment);
        } catch (error) {
          if (!(error instanceof ImageFailure)) throw error;
        }
      }),
      2000,
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
