import { verify } from "../digest.ts";
import { ImageFailure } from "../failure.ts";
import { type Descriptor, imageTypes, indexTypes, largestManifest } from "../manifest.ts";
import type { RegistryName } from "../name.ts";
import type { Fetched, ImageSource, Opened, Range } from "../source.ts";
import type { Reply, Session } from "./session.ts";
import { listTags, nearestTags } from "./tags.ts";

export interface RegistryOptions {
  /** As the user knows it, for messages. */
  readonly full: string;
  readonly name: RegistryName;
  /** Mirrors first, the registry itself last. */
  readonly sessions: readonly Session[];
  readonly close: () => Promise<void>;
}

/** An image in a registry, by the distribution specification. */
export function makeRegistrySource(options: RegistryOptions): ImageSource {
  const { full, name, sessions } = options;
  return {
    name: full,
    async manifest(which) {
      const wanted = which ?? name.digest ?? name.tag ?? "latest";
      const headers = { accept: [...indexTypes, ...imageTypes].join(", ") };
      const kind = wanted.includes(":") ? "digests" : "tags";
      return firstOf(sessions, kind, async (session) => {
        const reply = await session.get(`manifests/${wanted}`, { headers });
        if (!reply.ok) throw await noManifest(options, { session, reply, wanted });
        const fetched = await readManifest(reply, full);
        if (kind === "digests") verify(fetched.bytes, wanted, `the manifest of ${full}`);
        return fetched;
      });
    },
    open: (descriptor, range) =>
      firstOf(sessions, "digests", (session) => openBlob(session, descriptor, range)),
    close: options.close,
  };
}

/** What the first place gives; a mirror that fails is passed over, the registry's own failure counts. */
async function firstOf<T>(
  sessions: readonly Session[],
  kind: "digests" | "tags",
  ask: (session: Session) => Promise<T>,
): Promise<T> {
  const able = sessions.filter(({ endpoint }) => endpoint.serves === "all" || endpoint.serves === kind);
  for (const [index, session] of able.entries()) {
    try {
      return await ask(session);
    } catch (error) {
      if (!(error instanceof ImageFailure) || index === able.length - 1) throw error;
    }
  }
  throw new Error("a registry has no place to ask");
}

async function readManifest(reply: Reply & { ok: true }, full: string): Promise<Fetched> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of reply.answer.body) {
    chunks.push(Buffer.from(chunk));
    size += chunk.length;
    if (size > largestManifest)
      throw new ImageFailure({
        code: "image-malformed",
        message: `the manifest of ${full} is larger than ${largestManifest >> 20} MiB`,
        hint: "this is no image: correct the name",
      });
  }
  const type = reply.answer.headers["content-type"];
  return { bytes: Buffer.concat(chunks), contentType: typeof type === "string" ? type : null };
}

/** From the repository, else from the addresses that the layer itself names. */
async function openBlob(session: Session, descriptor: Descriptor, range: Range): Promise<Opened> {
  const { digest, urls } = descriptor;
  const headers: Record<string, string> = {};
  if (range.start > 0 || range.end !== null)
    headers.range = `bytes=${range.start}-${range.end === null ? "" : range.end - 1}`;
  let refused: Reply | null = null;
  for (const path of [`blobs/${digest}`, ...urls.filter((url) => /^https?:\/\//.test(url))]) {
    const reply = await session.get(path, { headers, length: "long" });
    if (reply.ok) return opened(reply, range);
    refused ??= reply;
  }
  throw noBlob(session, descriptor, refused);
}

function opened({ answer }: Reply & { ok: true }, range: Range): Opened {
  const start = answer.status === 206 ? startOf(answer.headers["content-range"], range.start) : 0;
  return {
    body: answer.body,
    start,
    cancel: () => answer.body.cancel(),
  };
}

/** `bytes 100-199/1000`; a server that says nothing is believed, the digest tells in the end. */
function startOf(header: string | string[] | undefined, asked: number): number {
  const said = /^bytes (\d+)-/.exec(String(header ?? ""))?.[1];
  return said === undefined ? asked : Number(said);
}

function noBlob({ endpoint }: Session, { digest }: Descriptor, reply: Reply | null): ImageFailure {
  const said =
    reply === null || reply.ok ? "" : `${reply.status}${reply.said === "" ? "" : ` (${reply.said})`}`;
  return new ImageFailure({
    code: "image-incomplete",
    message: `${endpoint.host} does not give ${digest} of ${endpoint.repository}: it answers ${said}`,
    hint: "try again; if it stays so, the image was pushed incompletely",
  });
}

interface Missing {
  readonly session: Session;
  readonly reply: Reply & { ok: false };
  readonly wanted: string;
}

/** Says which tags exist, where the registry tells. */
async function noManifest({ full, name }: RegistryOptions, missing: Missing): Promise<ImageFailure> {
  const { session, reply, wanted } = missing;
  const { host, repository } = session.endpoint;
  const said = reply.said === "" ? `${reply.status}` : `${reply.status} (${reply.said})`;
  if (reply.status === 429) return tooMany(host, said);
  if (reply.status !== 404)
    return new ImageFailure({
      code: "registry-failed",
      message: `${host} answers ${said} when asked for ${full}`,
      hint: "try again later",
    });
  const tags = name.tag === null || wanted !== name.tag ? null : await listTags(session);
  if (tags === null || tags.length === 0)
    return new ImageFailure({
      code: "image-missing",
      message: `${host} has no ${wanted.includes(":") ? wanted : `\`${wanted}\``} of ${repository}; it answers ${said}`,
      hint: wanted.includes(":")
        ? "it was deleted, or it never was in this repository: `pavlos update` takes what the tag is now"
        : "correct the name; Pavlos looks for names without a host on Docker Hub",
    });
  return new ImageFailure({
    code: "image-tag-missing",
    message: `${host} has no tag \`${wanted}\` of ${repository}; it answers ${said}`,
    ...nearestTags(wanted, tags),
  });
}

const tooMany = (host: string, said: string): ImageFailure =>
  new ImageFailure({
    code: "registry-limit",
    message: `${host} wants no more requests from here for now: it answers ${said}`,
    hint: `wait and run the command again; a login often allows more (\`docker login ${host}\`)`,
  });
