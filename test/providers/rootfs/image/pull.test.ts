import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type ImageRoot, makeImages } from "../../../../src/providers/rootfs/image/images.ts";
import { type FakeRegistry, fakeRegistry, sendBlob } from "../../../support/fake-registry.ts";
import { blob, type Image, type ImageOptions, image, index, jsonBlob, types } from "../../../support/oci.ts";
import { type StoreWorld, storeWorld } from "./store.ts";

let registry: FakeRegistry;
let world: StoreWorld;
beforeEach(async () => {
  registry = await fakeRegistry();
  world = storeWorld();
});
afterEach(async () => {
  await registry.close();
  world.remove();
});

const layers = [
  [{ path: "a", content: "a".repeat(100_000) }],
  [{ path: "b", content: "b" }],
  [{ path: "c" }],
];
const sample = (more: Partial<ImageOptions> = {}): Image => image({ layers, architecture: "amd64", ...more });
const root = (digest: string | null = null, more: Partial<ImageRoot> = {}): ImageRoot => ({
  kind: "image",
  image: `${registry.host}/a/b:1`,
  platform: "linux/amd64",
  pull: "missing",
  insecure: false,
  digest,
  ...more,
});
const place = { file: "/x.yaml", line: 3, column: 7 };
const look = (rootfs: ImageRoot = root()) => ({ rootfs, place, signal: new AbortController().signal });
const stored = (): readonly string[] => {
  const directory = join(world.directory, "data/store/layers");
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
};

describe("a pull", () => {
  it("puts all layers and a record into the store, and needs no registry afterwards", async () => {
    const one = sample({ config: { Env: ["A=1"] } });
    registry.push("a/b", "1", one);
    const images = makeImages(world.tools);
    const done = await images.pull(look(), () => undefined);
    expect(done).toMatchObject({
      ok: true,
      value: { key: one.manifest.descriptor.digest, config: { env: { A: "1" } } },
    });
    expect(stored()).toEqual(one.diffIds.map((id) => id.slice(7)).sort());
    await registry.close();
    const again = makeImages(world.tools);
    expect(await again.pull(look(root(one.manifest.descriptor.digest)), () => undefined)).toMatchObject({
      ok: true,
    });
    expect(again.knownConfig(root(one.manifest.descriptor.digest))).toMatchObject({ env: { A: "1" } });
  });

  it("takes the platform out of nested lists and passes over attestations", async () => {
    const [amd, arm] = [sample(), sample({ architecture: "arm64" })];
    registry.push("a/b", null, amd);
    registry.push("a/b", null, arm);
    const platform = (architecture: string) => ({ platform: { os: "linux", architecture } });
    const attestation = { ...arm.manifest.descriptor, platform: { os: "unknown", architecture: "unknown" } };
    const inner = index([attestation, { ...amd.manifest.descriptor, ...platform("amd64") }]);
    registry.put("a/b", null, inner);
    registry.put("a/b", "1", index([{ ...arm.manifest.descriptor, ...platform("arm64") }, inner.descriptor]));
    const images = makeImages(world.tools);
    expect(await images.lookUp(look())).toMatchObject({
      ok: true,
      value: { digest: amd.manifest.descriptor.digest },
    });
    const s390 = await images.lookUp(look(root(null, { platform: "linux/s390x" })));
    expect(s390).toMatchObject({
      failure: { code: "image-platform", place, expected: expect.stringContaining("linux/arm64") },
    });
  });

  it("of a single image for another platform is refused", async () => {
    registry.push("a/b", "1", sample({ architecture: "arm64" }));
    expect(await makeImages(world.tools).lookUp(look())).toMatchObject({
      failure: { code: "image-platform", expected: "linux/arm64" },
    });
  });

  it("of a wrong layer leaves nothing in the store", async () => {
    const one = sample();
    registry.push("a/b", "1", one);
    const bad = one.layers[1]?.descriptor.digest ?? "";
    registry.script = (request, response) => {
      if (!request.url?.endsWith(bad)) return false;
      response.end(Buffer.alloc(one.layers[1]?.bytes.length ?? 0, 7));
      return true;
    };
    const done = await makeImages(world.tools).pull(look(), () => undefined);
    expect(done).toMatchObject({ ok: false, failure: { code: "image-layer", place } });
    expect(JSON.stringify(done)).toContain("its digest is");
    expect(stored()).toEqual([]);
    expect(readdirSync(join(world.directory, "data/store"))).not.toContain("images");
  });

  it("of a layer whose content is not the diff id is refused", async () => {
    const [one, other] = [sample(), sample({ layers: [[{ path: "evil", content: "x" }]] })];
    const config = {
      ...JSON.parse(one.config.bytes.toString()),
      rootfs: { type: "layers", diff_ids: [one.diffIds[0]] },
    };
    const wrong = jsonBlob(types.config, config);
    const manifest = {
      ...JSON.parse(one.manifest.bytes.toString()),
      config: wrong.descriptor,
      layers: [other.layers[0]?.descriptor],
    };
    registry.put("a/b", "1", jsonBlob(types.manifest, manifest));
    registry.putBlob("a/b", wrong);
    registry.putBlob("a/b", other.layers[0] as Image["config"]);
    expect(await makeImages(world.tools).pull(look(), () => undefined)).toMatchObject({
      failure: { code: "image-layer" },
    });
    expect(stored()).toEqual([]);
  });

  it("survives connections that die and layers that come slowly", async () => {
    const one = sample({ compression: "none" });
    registry.push("a/b", "1", one);
    const bytes = new Map(one.layers.map(({ descriptor, bytes: data }) => [descriptor.digest, data]));
    const deaths = new Map<string, number>();
    registry.script = (request, response) => {
      const digest = /sha256:\w+$/.exec(request.url ?? "")?.[0] ?? "";
      const data = bytes.get(digest);
      const died = deaths.get(digest) ?? 0;
      if (data === undefined) return false;
      deaths.set(digest, died + 1);
      if (died > 0) {
        sendBlob(request, response, data);
        return true;
      }
      response.writeHead(200, { "content-length": data.length });
      response.write(data.subarray(0, 700), () => setTimeout(() => response.destroy(), 10));
      return true;
    };
    const images = makeImages(world.tools, () => () => Promise.resolve());
    expect(await images.pull(look(), () => undefined)).toMatchObject({ ok: true });
    expect(stored()).toHaveLength(3);
  });

  it("checks sha512 too", async () => {
    const one = sample({ layers: [[{ path: "a", content: "a" }]] });
    const layer = one.layers[0] as Image["config"];
    const digest = `sha512:${createHash("sha512").update(layer.bytes).digest("hex")}`;
    const push = (bytes: Buffer) => {
      const descriptor = { ...layer.descriptor, digest };
      const document = { ...JSON.parse(one.manifest.bytes.toString()), layers: [descriptor] };
      registry.put("a/b", "1", jsonBlob(types.manifest, document));
      registry.putBlob("a/b", one.config);
      registry.putBlob("a/b", { bytes, descriptor });
    };
    push(Buffer.alloc(layer.bytes.length, 1));
    expect(await makeImages(world.tools).pull(look(), () => undefined)).toMatchObject({
      failure: { code: "image-digest" },
    });
    push(layer.bytes);
    expect(await makeImages(world.tools).pull(look(), () => undefined)).toMatchObject({ ok: true });
  });

  it.each([
    ["no layers", { layers: [] }, "image-empty"],
    ["more layers than diff ids", null, "image-malformed"],
  ])("of an image with %s is refused", async (_, options, code) => {
    const one = sample(options ?? {});
    const document = JSON.parse(one.manifest.bytes.toString());
    const extra = options === null ? { layers: [...document.layers, document.layers[0]] } : {};
    registry.push("a/b", null, one);
    registry.put("a/b", "1", jsonBlob(types.manifest, { ...document, ...extra }));
    expect(await makeImages(world.tools).pull(look(), () => undefined)).toMatchObject({
      failure: { code, place },
    });
  });

  it("takes embedded data, foreign layers and the same layer twice", async () => {
    const one = sample();
    const document = JSON.parse(one.manifest.bytes.toString());
    const other = await fakeRegistry();
    const [first, second] = [one.layers[0] as Image["config"], one.layers[1] as Image["config"]];
    other.putBlob("y", second);
    const foreign = {
      ...second.descriptor,
      mediaType: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
      urls: [`http://${other.host}/v2/y/blobs/${second.descriptor.digest}`],
    };
    const embedded = { ...first.descriptor, data: first.bytes.toString("base64") };
    const config = {
      ...JSON.parse(one.config.bytes.toString()),
      rootfs: { type: "layers", diff_ids: [one.diffIds[0], one.diffIds[1], one.diffIds[0]] },
    };
    const described = jsonBlob(types.config, config);
    registry.putBlob("a/b", described);
    registry.put(
      "a/b",
      "1",
      jsonBlob(types.manifest, {
        ...document,
        config: described.descriptor,
        layers: [embedded, foreign, embedded],
      }),
    );
    expect(await makeImages(world.tools).pull(look(), () => undefined)).toMatchObject({ ok: true });
    expect(stored()).toHaveLength(2);
    await other.close();
  });

  it("joins others that want the same", async () => {
    registry.push("a/b", "1", sample());
    const images = makeImages(world.tools);
    await Promise.all(Array.from({ length: 5 }, () => images.pull(look(), () => undefined)));
    const blobs = registry.requests.filter(({ url }) => url.includes("/blobs/"));
    expect(blobs).toHaveLength(4);
  });

  it("tells how far each layer is", async () => {
    registry.push("a/b", "1", sample({ compression: "none" }));
    const told: { done: number; total: number }[][] = [];
    await makeImages(world.tools).pull(look(), (parts) => told.push([...parts]));
    expect(told.at(-1)).toHaveLength(3);
    expect(told.at(-1)?.every(({ done, total }) => done === total)).toBe(true);
  });

  it("with pull: never takes only what is there", async () => {
    registry.push("a/b", "1", sample());
    const never = look(root(null, { pull: "never" }));
    expect(await makeImages(world.tools).pull(never, () => undefined)).toMatchObject({
      failure: { code: "image-not-stored" },
    });
    expect(registry.requests).toEqual([]);
  });
});

describe("images of LXC's servers", () => {
  const bytes = Buffer.from("an archive of a root filesystem");
  const sha256 = blob("", bytes).descriptor.digest.slice(7);
  const serve = () => {
    const item = { ftype: "root.tar.xz", path: "images/debian/root.tar.xz", sha256, size: bytes.length };
    const versions = {
      "20240101_05:24": { items: {} },
      "20250101_05:24": { items: { "root.tar.xz": item } },
    };
    const files: Record<string, string | Buffer> = {
      "/streams/v1/index.json": JSON.stringify({
        index: { images: { datatype: "image-downloads", path: "streams/v1/images.json" } },
      }),
      "/streams/v1/images.json": JSON.stringify({
        products: { "debian:bookworm:amd64:default": { versions } },
      }),
      "/images/debian/root.tar.xz": bytes,
    };
    registry.script = (request, response) => {
      response.end(files[request.url ?? ""] ?? "");
      return true;
    };
  };
  const stream = (product: string, more: Partial<ImageRoot> = {}): ImageRoot =>
    root(null, { image: `simplestreams:http://${registry.host}#${product}`, ...more });

  it("are one archive, the newest", async () => {
    serve();
    const done = await makeImages(world.tools).pull(look(stream("debian/bookworm/default")), () => undefined);
    expect(done).toMatchObject({ ok: true, value: { key: `sha256:${sha256}` } });
    expect(stored()).toEqual([`archive-${sha256}`]);
  });

  it("that are not there are explained", async () => {
    serve();
    const images = makeImages(world.tools);
    expect(await images.lookUp(look(stream("debian/bookwurm/default")))).toMatchObject({
      failure: { code: "image-missing", hint: "did you mean `debian/bookworm/default`?" },
    });
    expect(
      await images.lookUp(look(stream("debian/bookworm/default", { platform: "linux/s390x" }))),
    ).toMatchObject({
      failure: { code: "image-platform" },
    });
  });
});
