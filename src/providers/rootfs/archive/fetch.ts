import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Agent, interceptors, request as send } from "undici";
import { reasonOf } from "../../../host/errno.ts";
import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { storePath } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import type { Request } from "./archive.ts";

/**
 * Downloads an archive beside the store and gives the file. What an interrupted download left is
 * continued when the server still has the same version (If-Range), else begun anew.
 */
export async function fetchArchive(tools: Tools, request: Request): Promise<Result<string, Problem>> {
  const { archive } = request.rootfs;
  const refused = plainText(archive);
  if (refused !== null) return failure({ ...refused, place: placeOf(request) });
  const directory = join(storePath(tools.paths), "downloads");
  const name = createHash("sha256").update(archive).digest("hex");
  const part: Part = { file: join(directory, `${name}.part`), version: join(directory, `${name}.version`) };
  try {
    trees.makeDirectory(directory, 0o700);
    return await download(tools, request, part);
  } catch (error) {
    if (request.context.signal.aborted) return failure(interrupted(archive));
    return failure({
      code: "download-failed",
      message: `${archive} cannot be downloaded: ${reasonOf(error)}`,
      place: placeOf(request),
      hint: "check the address and the network; `pavlos apply` continues where the download stopped",
    });
  }
}

interface Part {
  readonly file: string;
  /** Holds the ETag or date of the version that the part is of. */
  readonly version: string;
}

const placeOf = ({ environment, context }: Request) => context.place(environment.name, "rootfs.archive");

const interrupted = (archive: string): Problem => ({
  code: "interrupted",
  message: `the download of ${archive} was interrupted`,
  place: null,
  hint: "`pavlos apply` continues where it stopped",
});

/** Nobody on the way may change a root filesystem: plain http is for this machine only. */
function plainText(archive: string): Problem | null {
  const { protocol, hostname } = new URL(archive);
  const local =
    hostname === "localhost" || hostname === "[::1]" || (isIP(hostname) === 4 && hostname.startsWith("127."));
  if (protocol === "https:" || local) return null;
  return {
    code: "archive-insecure",
    message: `${archive} is not fetched over plain http`,
    place: null,
    expected: "an https:// address",
  };
}

async function download(tools: Tools, request: Request, part: Part): Promise<Result<string, Problem>> {
  const { archive } = request.rootfs;
  const { signal } = request.context;
  const version = tools.files.readText(part.version);
  const have = version === null ? 0 : (trees.stats(part.file)?.size ?? 0);
  const dispatcher = new Agent().compose(interceptors.redirect({ maxRedirections: 10 }));
  try {
    const { statusCode, headers, body } = await send(archive, {
      dispatcher,
      signal,
      headers: have > 0 && version !== null ? { range: `bytes=${have}-`, "if-range": version } : {},
    });
    if (statusCode === 416) {
      // It is longer than what the server has: not the same thing.
      await body.dump();
      await tools.files.remove(part.file);
      await tools.files.remove(part.version);
      return await download(tools, request, part);
    }
    if (statusCode !== 200 && statusCode !== 206) {
      await body.dump();
      return failure(refusal(request, statusCode));
    }
    const start = statusCode === 206 ? have : 0;
    const strong = headers.etag ?? headers["last-modified"];
    if (typeof strong === "string" && !strong.startsWith("W/")) tools.files.replace(part.version, strong);
    else await tools.files.remove(part.version);
    const total = headers["content-length"] === undefined ? null : start + Number(headers["content-length"]);
    await save(body, { request, part, start, total });
    await tools.files.remove(part.version);
    return success(part.file);
  } finally {
    await dispatcher.close();
  }
}

interface Saving {
  readonly request: Request;
  readonly part: Part;
  readonly start: number;
  readonly total: number | null;
}

/** Content-Length is checked by undici: a body that ends early is an error. */
async function save(body: Readable, { request, part, start, total }: Saving): Promise<void> {
  const { environment, context } = request;
  let done = start;
  let shown = 0;
  body.on("data", (chunk: Buffer) => {
    done += chunk.length;
    const now = performance.now();
    if (now - shown < 100 && done !== total) return;
    shown = now;
    context.report({ kind: "progress", environment: environment.name, what: "download", done, total });
  });
  await pipeline(body, createWriteStream(part.file, start === 0 ? { flags: "w" } : { flags: "r+", start }), {
    signal: context.signal,
  });
}

const refusal = (request: Request, status: number): Problem => ({
  code: "download-failed",
  message: `${request.rootfs.archive} cannot be downloaded: the server answers ${status}`,
  place: placeOf(request),
  hint: status === 404 ? "correct the address" : "try again later, or correct the address",
});
