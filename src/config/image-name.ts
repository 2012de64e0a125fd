import { failure, type Result, success } from "../model/result.ts";
import type { Saying } from "./problem.ts";

/** What a name of an image in a registry says. */
export interface ImageName {
  /** Host, with a port where one was written: "docker.io", "127.0.0.1:5000". */
  readonly registry: string;
  readonly repository: string;
  /** Null: only the digest counts. */
  readonly tag: string | null;
  /** "sha256:..." */
  readonly digest: string | null;
}

const part = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const host = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?$/;
const repositoryPattern = new RegExp(`^${part}(?:/${part})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;
/** Docker Hub by its other names. */
const hub: ReadonlySet<string> = new Set(["docker.io", "index.docker.io", "registry-1.docker.io"]);

const expected = "a name such as debian:12, ghcr.io/owner/name:tag or name@sha256:...";

/** Parses `[HOST[:PORT]/]NAME[:TAG][@DIGEST]`; without a host it is Docker Hub's, without a tag `latest`. */
export function parseImageName(written: string): Result<ImageName, Saying> {
  const text = written.replace(/^(?:image|docker):\/\//, "");
  if (/^https?:\/\//.test(text)) return failure(anAddress(written));
  const at = text.indexOf("@");
  const digest = at < 0 ? null : text.slice(at + 1);
  const name = at < 0 ? text : text.slice(0, at);
  if (digest !== null && !digestPattern.test(digest)) return failure(wrongDigest(digest));
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const hasHost = /[.:[]/.test(first) || first === "localhost";
  const rest = hasHost ? name.slice(slash + 1) : name;
  const colon = rest.lastIndexOf(":");
  const tag = colon < 0 ? null : rest.slice(colon + 1);
  const path = colon < 0 ? rest : rest.slice(0, colon);
  const registry = hasHost && !hub.has(first.toLowerCase()) ? first.toLowerCase() : "docker.io";
  const official = registry === "docker.io" && path !== "" && !path.includes("/");
  const repository = official ? `library/${path}` : path;
  const wrong = wrongPart(written, { host: hasHost ? first : null, path: repository, tag });
  if (wrong !== null) return failure(wrong);
  return success({ registry, repository, tag: tag ?? (digest === null ? "latest" : null), digest });
}

/** The full name, by which the lock and the store know it. */
export const printImageName = ({ registry, repository, tag, digest }: ImageName): string =>
  `${registry}/${repository}${tag === null ? "" : `:${tag}`}${digest === null ? "" : `@${digest}`}`;

interface Parts {
  readonly host: string | null;
  readonly path: string;
  readonly tag: string | null;
}

function wrongPart(written: string, parts: Parts): Saying | null {
  const say = (why: string, hint?: string): Saying => ({
    code: "image-name",
    message: `"${written}" is no name of an image: ${why}`,
    expected,
    hint,
  });
  if (parts.path === "") return say("there is no name in it");
  if (parts.host !== null && !host.test(parts.host)) return say(`${parts.host} is no host`);
  if (parts.host !== null && Number(/:(\d+)$/.exec(parts.host)?.[1] ?? 0) > 65_535)
    return say(`${parts.host} has no valid port`);
  if (parts.tag !== null && !tagPattern.test(parts.tag))
    return say(`"${parts.tag}" is no tag`, "a tag has letters, digits, _, - and ., at most 128");
  if (parts.path.length > 255) return say("it is longer than 255 characters");
  if (repositoryPattern.test(parts.path)) return null;
  const lower = parts.path.toLowerCase();
  const shown = parts.path.replace(/^library\//, "");
  return repositoryPattern.test(lower)
    ? say("upper-case letters are not allowed in it", `did you mean \`${written.toLowerCase()}\`?`)
    : say(`"${shown}" may hold only lower-case letters, digits, -, _, . and /`);
}

const anAddress = (written: string): Saying => ({
  code: "image-name",
  message: `"${written}" is no name of an image: it is an address`,
  expected,
  hint: written.startsWith("http:")
    ? "leave out http://; on a network that you trust set `insecure: true` beside `image`"
    : "leave out https://",
});

const wrongDigest = (digest: string): Saying => ({
  code: "image-name",
  message: `"${digest}" is no digest`,
  expected: "sha256: and 64 hex digits, or sha512: and 128",
});
