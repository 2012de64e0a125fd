// A read-only registry over docker-registry's file layout: node file-server.ts BASE PORT
import { createReadStream, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { pipeline } from "node:stream";

const [base = "", port = ""] = process.argv.slice(2);

const server = createServer((request, response) => {
  const found = /^\/v2\/(.+)\/(manifests|blobs)\/([^?]+)/.exec(request.url ?? "");
  if (found === null) {
    response.end("{}");
    return;
  }
  const [, repository = "", kind, which = ""] = found;
  try {
    const tag = join(base, "repositories", repository, "_manifests/tags", which, "current/link");
    const digest = which.startsWith("sha256:") ? which : readFileSync(tag, "utf8");
    const file = join(base, "blobs/sha256", digest.slice(7, 9), digest.slice(7), "data");
    const { size } = statSync(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
    const [start, end] = [Number(range?.[1] ?? 0), Number(range?.[2] || size - 1)];
    if (kind === "manifests")
      response.setHeader("content-type", JSON.parse(readFileSync(file, "utf8")).mediaType);
    response.setHeader("docker-content-digest", digest);
    response.setHeader("content-length", end - start + 1);
    if (range !== null) response.writeHead(206, { "content-range": `bytes ${start}-${end}/${size}` });
    if (request.method === "HEAD") response.end();
    else pipeline(createReadStream(file, { start, end, highWaterMark: 1 << 20 }), response, () => undefined);
  } catch {
    // What is not there is not there.
    response.writeHead(404).end();
  }
});
server.listen(Number(port), "127.0.0.1");
