import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer as createRawServer, type Server as RawServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type LongAnswer, makeLongGets } from "../../src/host/long-get.ts";

const large = randomBytes(9_000_001);
const directory = mkdtempSync(join(tmpdir(), "pavlos-long-"));
const [key, cert] = [join(directory, "key.pem"), join(directory, "cert.pem")];
const stop = new AbortController();
let closing: (() => void)[] = [];

beforeAll(() => {
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=test";
  const names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert];
  execFileSync("openssl", [...request.split(" "), ...names], { stdio: "pipe" });
});
afterEach(() => {
  for (const close of closing) close();
  closing = [];
});
afterAll(() => rmSync(directory, { recursive: true }));

async function listen(server: Server | RawServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closing.push(() => {
    if ("closeAllConnections" in server) server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** Says the same thing to everybody, as it stands. */
async function saying(text: string): Promise<URL> {
  const server = createRawServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.end(text, "latin1"));
  });
  return new URL(`http://127.0.0.1:${await listen(server)}/x`);
}

async function serving(kind: "http" | "https", listener: RequestListener): Promise<URL> {
  const server =
    kind === "http"
      ? createServer(listener)
      : createSecureServer({ key: readFileSync(key), cert: readFileSync(cert) }, listener);
  return new URL(`${kind}://127.0.0.1:${await listen(server)}/blob?x=1`);
}

function client() {
  const gets = makeLongGets({ tls: { ca: readFileSync(cert, "utf8") }, signal: stop.signal });
  closing.push(() => gets.close());
  return gets;
}

async function read(answer: LongAnswer | null): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of answer?.body ?? []) {
    // Whoever is slow must still find what was given: nothing may come over it meanwhile.
    await setImmediate();
    pieces.push(Buffer.from(piece));
  }
  return Buffer.concat(pieces);
}

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

describe.each(["http", "https"] as const)("a long GET over %s", (kind) => {
  it("gives the body as it is and uses its connection again", async () => {
    const ports: (number | undefined)[] = [];
    const asked: unknown[] = [];
    const url = await serving(kind, (request, response) => {
      ports.push(request.socket.remotePort);
      asked.push([request.url, request.headers.range]);
      response.writeHead(206, { "content-length": large.length, "content-range": "bytes 0-1/2" }).end(large);
    });
    const gets = client();
    for (let round = 0; round < 3; round++) {
      const answer = await gets.get(url, { range: "bytes=0-" });
      expect([answer?.status, answer?.headers["content-range"]]).toEqual([206, "bytes 0-1/2"]);
      expect(digest(await read(answer))).toBe(digest(large));
    }
    expect(asked[0]).toEqual(["/blob?x=1", "bytes=0-"]);
    expect(new Set(ports).size).toBe(1);
  });

  it("fails when the connection ends before the body does", async () => {
    const url = await serving(kind, (request, response) => {
      response.writeHead(200, { "content-length": large.length });
      response.write(large.subarray(0, 700_000), () => request.socket.destroy());
    });
    await expect(read(await client().get(url, {}))).rejects.toMatchObject({ code: "ECONNRESET" });
  });

  it("ends with its signal, and what is given up ends its connection", async () => {
    let ended = 0;
    const url = await serving(kind, (request, response) => {
      request.socket.on("close", () => {
        ended += 1;
      });
      response.writeHead(200, { "content-length": large.length }).write("begun");
    });
    const [gets, aborting] = [client(), new AbortController()];
    (await gets.get(url, {}))?.cancel();
    const others = makeLongGets({ tls: { ca: readFileSync(cert, "utf8") }, signal: aborting.signal });
    const reading = read(await others.get(url, {}));
    aborting.abort();
    await expect(reading).rejects.toMatchObject({ name: "AbortError" });
    await expect(others.get(url, {})).rejects.toMatchObject({ name: "AbortError" });
    await expect.poll(() => ended).toBe(2);
  });
});

describe("a long GET", () => {
  it("asks anew where a connection that waited was closed meanwhile", async () => {
    let connections = 0;
    const server = createServer((request, response) => {
      response.writeHead(200, { "content-length": 2 }).end("ok");
      response.on("finish", () => request.socket.end());
    }).on("connection", () => {
      connections += 1;
    });
    const url = new URL(`http://127.0.0.1:${await listen(server)}/`);
    const gets = client();
    for (let round = 0; round < 3; round++)
      expect((await read(await gets.get(url, {}))).toString()).toBe("ok");
    expect(connections).toBe(3);
  });

  it.each([
    ["in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
    ["without a length", "HTTP/1.1 200 OK\r\n\r\nok"],
    ["with two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"],
    ["with a folded line", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok"],
    ["of another version", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    [
      "that is only the beginning",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
    ["with an endless head", `HTTP/1.1 200 OK\r\nX: ${"x".repeat(100_000)}`],
  ])("leaves an answer %s to a whole client", async (_, text) => {
    expect(await client().get(await saying(text), {})).toBeNull();
  });

  it("takes no more than the length, and does not use such a connection again", async () => {
    const url = await saying("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
    const gets = client();
    for (let round = 0; round < 2; round++)
      expect((await read(await gets.get(url, {}))).toString()).toBe("ok");
  });

  it("fails where nobody listens, and sends no header that is two", async () => {
    const url = await saying("");
    await expect(client().get(url, {})).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await client().get(url, { range: "a\r\nb: c" })).toBeNull();
    for (const close of closing) close();
    closing = [];
    await expect(client().get(url, {})).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });
});
