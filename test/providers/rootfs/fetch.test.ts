import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realFiles } from "../../../src/host/real-files.ts";
import type { Event } from "../../../src/model/event.ts";
import { makeArchives } from "../../../src/providers/rootfs/archive/archive.ts";
import { fetchArchive } from "../../../src/providers/rootfs/archive/fetch.ts";
import { makeImages } from "../../../src/providers/rootfs/image/images.ts";
import { makeStacks } from "../../../src/providers/rootfs/stacks.ts";
import { environment } from "../../reconcile/support/environments.ts";
import { context, fakeNative, freeFlock, host, noLocks } from "../support.ts";

/** No test here runs a step of a build. */
const noSteps = { providers: [], foreground: { bundle: () => Promise.reject(new Error("no steps here")) } };

const bytes = Buffer.alloc(300_000, "archive");
const digest = createHash("sha256").update(bytes).digest("hex");

let data = "";
let server: Server | null = null;
beforeEach(() => {
  data = mkdtempSync(join(tmpdir(), "pavlos-fetch-"));
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = null;
  rmSync(data, { recursive: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const made = createServer(listener);
  server = made;
  await new Promise<void>((resolve) => made.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}/root.tar`;
}

/** A server with ranges, that breaks off its first answer after `cut` bytes. */
function breaking(cut: number, etags: readonly string[]): { listener: RequestListener; ranges: string[] } {
  const ranges: string[] = [];
  return {
    ranges,
    listener: (request, response) => {
      ranges.push(request.headers.range ?? "whole");
      const etag = etags[ranges.length - 1] ?? etags.at(-1) ?? "";
      const resumes = request.headers["if-range"] === etag;
      const start = resumes ? Number(/\d+/.exec(request.headers.range ?? "0")?.[0]) : 0;
      response.writeHead(resumes ? 206 : 200, { etag, "content-length": bytes.length - start });
      if (ranges.length > 1) return void response.end(bytes.subarray(start));
      response.write(bytes.subarray(0, cut), () => setTimeout(() => response.destroy(), 50));
    },
  };
}

const events: Event[] = [];
function request(archive: string, sha256: string | null = null) {
  events.length = 0;
  const rootfs = { kind: "archive" as const, archive, sha256 };
  const report = (event: Event) => void events.push(event);
  return { environment: environment("web", { rootfs }), rootfs, context: { ...context, report } };
}

function tools(native = fakeNative(() => ({})).native) {
  const paths = { data, run: join(data, "run") };
  return { host: host(), paths, files: realFiles, native, flock: freeFlock, lockFile: noLocks, env: {} };
}

function stacks(native: ReturnType<typeof fakeNative>["native"]) {
  const made = tools(native);
  return makeStacks(made, { ...noSteps, images: makeImages(made) });
}

describe("the download of an archive", () => {
  it("gives the file, follows redirects and reports progress", async () => {
    const address = await serve((incoming, response) => {
      if (incoming.url === "/root.tar") response.writeHead(302, { location: "/moved" }).end();
      else response.writeHead(200, { "content-length": bytes.length }).end(bytes);
    });
    const file = await fetchArchive(tools(), request(address));
    if (!file.ok) throw new Error(file.failure.message);
    expect(readFileSync(file.value).equals(bytes)).toBe(true);
    expect(events.at(-1)).toMatchObject({ kind: "progress", done: bytes.length, total: bytes.length });
  });

  it("continues where it broke off while the server has the same version", async () => {
    const { listener, ranges } = breaking(100_000, ['"1"']);
    const address = await serve(listener);
    expect(await fetchArchive(tools(), request(address))).toMatchObject({ ok: false });
    const file = await fetchArchive(tools(), request(address));
    if (!file.ok) throw new Error(file.failure.message);
    expect(ranges[1]).toMatch(/^bytes=[1-9]/);
    expect(readFileSync(file.value).equals(bytes)).toBe(true);
  });

  it("begins anew when the server has another version", async () => {
    const { listener } = breaking(100_000, ['"1"', '"2"']);
    const address = await serve(listener);
    expect(await fetchArchive(tools(), request(address))).toMatchObject({ ok: false });
    const file = await fetchArchive(tools(), request(address));
    if (!file.ok) throw new Error(file.failure.message);
    expect(readFileSync(file.value).equals(bytes)).toBe(true);
  });

  it("says what the server answered, and where the address was written", async () => {
    const address = await serve((_, response) => response.writeHead(404).end("no"));
    const file = await fetchArchive(tools(), request(address));
    expect(file).toMatchObject({
      ok: false,
      failure: { code: "download-failed", place: { file: "web.yaml:rootfs.archive" } },
    });
    expect(JSON.stringify(file)).toContain("404");
  });

  it("is refused over plain http from another machine", async () => {
    expect(await fetchArchive(tools(), request("http://example.org/root.tar"))).toMatchObject({
      failure: { code: "archive-insecure" },
    });
  });
});

describe("an archive's layer", () => {
  /** A pavlosc that "unpacks" by giving the digest and making the directory. */
  const unpacking = (found: string) =>
    fakeNative((args) => {
      const [verb, directory = "", from = "", to = ""] = args;
      if (verb === "unpack") realFiles.makeDirectory(args.at(-1) ?? "", 0o755);
      if (verb === "publish") renameSync(join(directory, from), join(directory, to));
      if (verb === "remove") rmSync(args.at(-1) ?? "", { recursive: true, force: true });
      return { stdout: args[0] === "unpack" ? `${JSON.stringify({ sha256: found })}\n` : "" };
    });

  it("is unpacked once for environments that want it at the same time, and the download goes", async () => {
    const address = await serve((_, response) => response.end(bytes));
    const { native, calls } = unpacking(digest);
    const archives = makeArchives(tools(native));
    const results = await Promise.all([1, 2, 3].map(() => archives.ensure(request(address, digest))));
    const layers = [join(data, `store/layers/archive-${digest}/tree`)];
    expect(results).toEqual(Array(3).fill({ ok: true, value: { key: digest, layers, config: null } }));
    expect(calls.filter(({ args }) => args[0] === "unpack")).toHaveLength(1);
    expect(readdirSync(join(data, "store/layers"))).toEqual([`archive-${digest}`]);
    expect(readdirSync(join(data, "store/downloads"))).toEqual([]);
    await archives.ensure(request(address, digest));
    expect(calls.filter(({ args }) => args[0] === "unpack")).toHaveLength(1);
  });

  it("with a wrong digest never enters the store", async () => {
    const address = await serve((_, response) => response.end(bytes));
    const archives = makeArchives(tools(unpacking("f".repeat(64)).native));
    expect(await archives.ensure(request(address, digest))).toMatchObject({
      failure: { code: "archive-digest" },
    });
    expect(readdirSync(join(data, "store/layers"))).toEqual([]);
    expect(readdirSync(join(data, "store/downloads"))).toEqual([]);
  });

  it("removes what a killed pavlos left half-unpacked", async () => {
    const address = await serve((_, response) => response.end(bytes));
    realFiles.makeDirectory(join(data, "store/layers/.tmp-1-1-dead"), 0o755);
    const archives = makeArchives(tools(unpacking(digest).native));
    expect(await archives.ensure(request(address))).toMatchObject({ ok: true });
    expect(readdirSync(join(data, "store/layers"))).toEqual([`archive-${digest}`]);
  });

  it("stays under a writable layer that was begun on it, also when the archive has changed since", async () => {
    const address = await serve((_, response) => response.end(bytes));
    const first = await stacks(unpacking(digest).native).lower(request(address));
    expect(first).toMatchObject({ ok: true, value: { key: digest } });
    const other = "e".repeat(64);
    const second = await stacks(unpacking(other).native).lower(request(address, other));
    expect(second).toMatchObject({ ok: true, value: { key: digest } });
  });
});
