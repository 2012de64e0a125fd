import { errnoOf, reasonOf } from "../../../../host/errno.ts";
import { ImageFailure } from "../failure.ts";
import { saidBy, textOf } from "./answers.ts";
import { type Auth, makeAuth, refused } from "./auth.ts";
import type { Credentials } from "./credentials.ts";
import { isLoopback } from "./hosts.ts";
import type { Endpoint } from "./mirrors.ts";
import type { Answer, Transport } from "./transport.ts";

/** Requests to one repository at one place: the right scheme, logged in where that is wanted. */
export interface Session {
  readonly endpoint: Endpoint;
  /** `path` is below `/v2/REPOSITORY/`, or an absolute address of another host. */
  get(path: string, options?: Getting): Promise<Reply>;
}

export interface Getting {
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the answer. */
  readonly length?: "long";
}

/** A success with its body, or a refusal with its words. */
export type Reply =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly status: number; readonly said: string; readonly answer: Answer };

export interface SessionOptions {
  readonly transport: Transport;
  readonly endpoint: Endpoint;
  readonly credentials: () => Promise<Credentials | null>;
}

export function makeSession(options: SessionOptions): Session {
  const { endpoint, transport, credentials } = options;
  const auth = makeAuth({ transport, ...endpoint, credentials });
  let scheme: "http" | "https" = isLoopback(hostnameOf(endpoint.host)) ? "http" : "https";

  /** Tries the other scheme once where both are allowed and the first is not spoken there. */
  const reach = async (path: string, getting: Getting): Promise<Reply> => {
    try {
      const reply = await request(options, auth, { ...getting, url: urlOf(endpoint, scheme, path) });
      if (!reply.ok && scheme === "http" && isHttpsOnly(reply)) scheme = "https";
      else return reply;
    } catch (error) {
      if (!(endpoint.insecure && scheme === "https" && isPlainServer(error))) throw error;
      scheme = "http";
    }
    return request(options, auth, { ...getting, url: urlOf(endpoint, scheme, path) });
  };

  return {
    endpoint,
    async get(path, getting = {}) {
      try {
        return await reach(path, getting);
      } catch (error) {
        if (error instanceof ImageFailure || isAbort(error)) throw error;
        throw unreachable(endpoint.host, error);
      }
    },
  };
}

export const isAbort = (error: unknown): boolean => error instanceof Error && error.name === "AbortError";

const hostnameOf = (host: string): string => host.replace(/:\d+$/, "");

const urlOf = ({ host, repository }: Endpoint, scheme: string, path: string): URL =>
  new URL(/^https?:\/\//.test(path) ? path : `${scheme}://${host}/v2/${repository}/${path}`);

interface Request extends Getting {
  readonly url: URL;
}

const mostLogins = 3;

async function request(options: SessionOptions, auth: Auth, wanted: Request): Promise<Reply> {
  const { transport, endpoint } = options;
  const { url, headers = {}, ...rest } = wanted;
  // Elsewhere (a layer's own address) our login is nobody's business.
  const own = url.host === endpoint.host;
  for (let round = 1; ; round++) {
    const used = own ? auth.header() : null;
    const { insecure } = endpoint;
    const answer = await transport.send({
      method: "GET",
      url,
      headers,
      ...rest,
      authorization: used,
      insecure,
    });
    if (answer.status === 200 || answer.status === 206) return { ok: true, answer };
    const text = await textOf(answer);
    if (own && round < mostLogins && (await auth.improve(answer, text, used))) continue;
    if (own && (answer.status === 401 || answer.status === 403))
      throw refused(endpoint, { answer, text, known: auth.known() });
    return { ok: false, status: answer.status, said: saidBy(text), answer };
  }
}

const isHttpsOnly = ({ status, said }: { readonly status: number; readonly said: string }): boolean =>
  status === 400 && /HTTP request to an HTTPS server|plain HTTP request was sent to HTTPS/i.test(said);

/** A TLS greeting that was answered in plain text, or nobody at the port of https. */
function isPlainServer(error: unknown): boolean {
  const code = errnoOf(error) ?? "";
  return (
    code === "EPROTO" ||
    code === "ECONNREFUSED" ||
    code === "ERR_SSL_WRONG_VERSION_NUMBER" ||
    code === "ERR_SSL_PACKET_LENGTH_TOO_LONG"
  );
}

export function unreachable(host: string, error: unknown): ImageFailure {
  const code = errnoOf(error) ?? "";
  const plain = isPlainServer(error) && code !== "ECONNREFUSED";
  if (plain)
    return new ImageFailure({
      code: "registry-insecure",
      message: `${host} does not speak https, and nothing is fetched over plain http from another machine`,
      hint: "give the registry a certificate; on a network that you trust set `insecure: true` beside `image`",
      cause: error,
    });
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO/.test(code);
  return new ImageFailure({
    code: certificate ? "registry-certificate" : "registry-unreachable",
    message: `the registry ${host} cannot be reached: ${whyOf(code, error)}`,
    hint: certificate
      ? `put its authority into ~/.config/containers/certs.d/${host}/ca.crt, or add it to the machine's (update-ca-certificates); on a network that you trust set \`insecure: true\``
      : "check its name and the network, then run the command again",
    cause: error,
  });
}

function whyOf(code: string, error: unknown): string {
  const words: Readonly<Record<string, string>> = {
    ENOTFOUND: "there is no host of this name",
    EAI_AGAIN: "its name cannot be looked up now",
    ECONNREFUSED: "nothing listens there",
    ECONNRESET: "it ended the connection",
    EHOSTUNREACH: "there is no way to it",
    ENETUNREACH: "there is no network",
    UND_ERR_CONNECT_TIMEOUT: "it did not answer in 15 s",
    UND_ERR_HEADERS_TIMEOUT: "it did not answer in 60 s",
    UND_ERR_BODY_TIMEOUT: "it went silent for 60 s",
    UND_ERR_SOCKET: "it ended the connection",
  };
  return words[code] ?? reasonOf(error);
}
