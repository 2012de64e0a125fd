import { createHash, randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { download, makeSlots } from "../../../../src/providers/rootfs/image/download.ts";
import type { Descriptor } from "../../../../src/providers/rootfs/image/manifest.ts";
import type { Opened, Range } from "../../../../src/providers/rootfs/image/source.ts";
import { type FakeRegistry, fakeRegistry, sendBlob } from "../../../support/fake-registry.ts";
import { blob, types } from "../../../support/oci.ts";
import { open, surroundings } from "./support.ts";

let registry: FakeRegistry;
beforeEach(async () => {
  registry = await fakeRegistry();
});
afterEach(() => registry.close());

const content = (size: number) => blob(types.layer, randomBytes(size));
const plain = { mediaType: "", digest: "", size: 0, urls: [], data: null, platform: null, annotations: {} };
const described = (descriptor: object): Descriptor => ({ ...plain, ...descriptor });

/** A clock by which every chunk is waited for, and the reader takes no time. */
function slowNetwork(): () => number {
  let [time, looks] = [0, 0];
  return () => {
    time += looks++ % 3 === 1 ? 1000 : 1;
    return time;
  };
}

async function fetched(descriptor: Descriptor, now = () => performance.now()) {
  const source = await open(`${registry.host}/x:1`);
  const hash = createHash("sha256");
  let last = 0;
  const options = { ...surroundings(), now, chunks: makeSlots(4), progress: (done: number) => (last = done) };
  try {
    for await (const chunk of download(source, descriptor, options)) hash.update(chunk);
  } finally {
    await source.close();
  }
  return { digest: `sha256:${hash.digest("hex")}`, last };
}

describe("blobs", () => {
  it("come whole", async () => {
    const one = content(3 << 20);
    registry.putBlob("x", one);
    const { digest, size } = one.descriptor;
    expect(await fetched(described(one.descriptor))).toEqual({ digest, last: size });
    expect(registry.requests).toHaveLength(1);
  });

  it("that are empty need no request", async () => {
    const { descriptor } = content(0);
    expect((await fetched(described(descriptor))).digest).toBe(descriptor.digest);
    expect(registry.requests).toHaveLength(0);
  });

  it("that came with their manifest need none either", async () => {
    const one = content(100);
    expect((await fetched(described({ ...one.descriptor, data: one.bytes }))).digest).toBe(
      one.descriptor.digest,
    );
    expect(registry.requests).toHaveLength(0);
  });

  it.each([
    ["resumed where they broke off", sendBlob],
    [
      "begun anew, without doubling, where the server ignores ranges",
      (_: unknown, response: { end: (bytes: Buffer) => void }, bytes: Buffer) => response.end(bytes),
    ],
  ])("are %s", async (_, second) => {
    const one = content(1 << 20);
    registry.putBlob("x", one);
    let broken = 3;
    registry.script = (request, response) => {
      if (broken-- <= 0) {
        second(request, response, one.bytes);
        return true;
      }
      const start = Number(/\d+/.exec(request.headers.range ?? "0")?.[0]);
      response.writeHead(start === 0 ? 200 : 206, {
        "content-length": one.bytes.length - start,
        ...(start === 0
          ? {}
          : { "content-range": `bytes ${start}-${one.bytes.length - 1}/${one.bytes.length}` }),
      });
      response.write(one.bytes.subarray(start, start + 200_000), () =>
        setTimeout(() => response.destroy(), 20),
      );
      return true;
    };
    expect((await fetched(described(one.descriptor))).digest).toBe(one.descriptor.digest);
    expect(registry.requests.at(-1)?.range).toMatch(/^bytes=[1-9]\d*-$/);
  });

  it("that never come are given up with what there is", async () => {
    const one = content(1 << 20);
    registry.putBlob("x", one);
    registry.script = (_, response) => {
      response.writeHead(200, { "content-length": one.bytes.length });
      response.write("x", () => setTimeout(() => response.destroy(), 5));
      return true;
    };
    // Each try begins at byte 0 again although it was asked for the rest: no progress after the first.
    await expect(fetched(described(one.descriptor))).rejects.toThrow(/breaks off after 1 of 1048576 bytes/);
  });

  it("longer than the manifest says are refused", async () => {
    const one = content(1000);
    registry.putBlob("x", one);
    await expect(fetched(described({ ...one.descriptor, size: 900 }))).rejects.toThrow(
      "longer than 900 bytes",
    );
  });

  it("that the registry does not have come from the addresses in the manifest", async () => {
    const one = content(1000);
    const other = await fakeRegistry();
    other.putBlob("y", one);
    const urls = [`http://${other.host}/v2/y/blobs/${one.descriptor.digest}`];
    expect((await fetched(described({ ...one.descriptor, urls }))).digest).toBe(one.descriptor.digest);
    await other.close();
  });

  it("come in chunks over several connections when the network is what is waited for", async () => {
    const one = content(30 << 20);
    registry.putBlob("x", one);
    // A clock that runs a second for each look: always waiting.
    const { digest } = await fetched(described(one.descriptor), slowNetwork());
    expect(digest).toBe(one.descriptor.digest);
    expect(registry.requests.filter(({ range }) => range !== undefined).length).toBeGreaterThan(3);
  });

  it("and as one stream again when the server then ignores ranges", async () => {
    const one = content(30 << 20);
    registry.putBlob("x", one);
    registry.script = (_, response) => {
      response.end(one.bytes);
      return true;
    };
    expect((await fetched(described(one.descriptor), slowNetwork())).digest).toBe(one.descriptor.digest);
    expect(registry.requests.length).toBeLessThan(5);
  });

  it("hold few chunks in memory, whatever their size", async () => {
    const size = 64 << 20;
    const held = { now: 0, most: 0 };
    const source = {
      name: "x",
      manifest: () => Promise.reject(new Error("not asked")),
      close: () => Promise.resolve(),
      open: async (_: Descriptor, { start, end }: Range): Promise<Opened> => ({
        start,
        cancel: () => undefined,
        body: (async function* () {
          const stop = end ?? size;
          if (end !== null) held.now += end - start;
          held.most = Math.max(held.most, held.now);
          for (let at = start; at < stop; at += 1 << 16) yield Buffer.alloc(Math.min(1 << 16, stop - at));
        })(),
      }),
    };
    let done = 0;
    const options = {
      ...surroundings(),
      now: slowNetwork(),
      chunks: makeSlots(4),
      progress: () => undefined,
    };
    const descriptor = described({ ...content(0).descriptor, size });
    for await (const chunk of download(source, descriptor, options)) {
      done += chunk.length;
      if (done % (4 << 20) === 0) held.now -= 4 << 20;
    }
    expect(done).toBe(size);
    expect(held.most).toBeLessThanOrEqual(6 * (4 << 20));
  });
});
