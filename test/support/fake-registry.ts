import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Blob, Image } from "./oci.ts";

/** A registry on loopback that does what a test scripts. */
export interface FakeRegistry {
  /** "127.0.0.1:PORT". */
  readonly host: string;
  /** What was asked, in order: "GET /v2/...". */
  readonly requests: Asked[];
  /** Puts an image under a tag (null: only by digest). */
  push(repository: string, tag: string | null, image: Image): void;
  /** Puts a manifest or an index. */
  put(repository: string, tag: string | null, manifest: Blob): void;
  putBlob(repository: string, blob: Blob): void;
  /** Asked first for each request; true: it has answered. */
  script: (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>;
  readonly close: () => Promise<void>;
}

export interface Asked {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

/** Starts one on a free port. */
export async function fakeRegistry(): Promise<FakeRegistry> {
  const manifests = new Map<string, Blob>();
  const blobs = new Map<string, Buffer>();
  const tags = new Map<string, string[]>();
  const server = createServer((request, response) => {
    void answer(request, response);
  });
  const registry: FakeRegistry = {
    host: "",
    requests: [],
    push(repository, tag, { manifest, config, layers }) {
      registry.put(repository, tag, manifest);
      for (const one of [config, ...layers]) registry.putBlob(repository, one);
    },
    put(repository, tag, manifest) {
      manifests.set(`${repository} ${manifest.descriptor.digest}`, manifest);
      if (tag === null) return;
      manifests.set(`${repository} ${tag}`, manifest);
      tags.set(repository, [...(tags.get(repository) ?? []), tag]);
    },
    putBlob: (repository, { descriptor, bytes }) =>
      void blobs.set(`${repository} ${descriptor.digest}`, bytes),
    script: () => false,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = request;
    registry.requests.push({ method, url, authorization: headers.authorization, range: headers.range });
    if (await registry.script(request, response)) return;
    const found = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^?]+)/.exec(url);
    if (found === null) return refuse(response, 404, "NOT_FOUND", "no such path");
    const [, repository = "", kind, which = ""] = found;
    if (kind === "tags") return json(response, { name: repository, tags: tags.get(repository) ?? [] });
    if (kind === "manifests") return manifest(response, manifests.get(`${repository} ${which}`));
    sendBlob(request, response, blobs.get(`${repository} ${which}`));
  };

  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return Object.assign(registry, { host: `127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function manifest(response: ServerResponse, found: Blob | undefined): void {
  if (found === undefined) {
    refuse(response, 404, "MANIFEST_UNKNOWN", "manifest unknown");
    return;
  }
  response.setHeader("content-type", found.descriptor.mediaType);
  response.setHeader("docker-content-digest", found.descriptor.digest);
  response.end(found.bytes);
}

/** With ranges, as most registries have them. */
export function sendBlob(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer | undefined,
): void {
  if (bytes === undefined) {
    refuse(response, 404, "BLOB_UNKNOWN", "blob unknown");
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  if (range === null) {
    response.setHeader("content-length", bytes.length);
    response.end(bytes);
    return;
  }
  const [start, end] = [Number(range[1]), range[2] === "" ? bytes.length : Number(range[2]) + 1];
  response.writeHead(206, {
    "content-range": `bytes ${start}-${end - 1}/${bytes.length}`,
    "content-length": end - start,
  });
  response.end(bytes.subarray(start, end));
}

export function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response.writeHead(status, { "content-type": "application/json", ...response.getHeaders() });
  response.end(JSON.stringify({ errors: [{ code, message }] }));
}

export function json(response: ServerResponse, value: unknown): void {
  response.setHeader("content-type", "application/json");
  response.end(JSON.stringify(value));
}
