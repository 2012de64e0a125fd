import type { IncomingHttpHeaders } from "node:http";
import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { errnoOf } from "../../../../host/errno.ts";
import { type LongGets, makeLongGets } from "../../../../host/long-get.ts";
import { ImageFailure } from "../failure.ts";
import type { Certificates } from "./certificates.ts";
import { isLoopback } from "./hosts.ts";

/** One request, without what redirects and repetitions make of it. */
export interface Ask {
  readonly method: "GET" | "POST";
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent to the host of `url` only, never to one that it redirects to. */
  readonly authorization: string | null;
  readonly body?: string;
  /** long: a GET whose answer is worth a way of its own (host/long-get.ts). */
  readonly length?: "long";
  /** Plain http, and certificates that nobody vouches for, are fine. */
  readonly insecure: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Body;
}

/** A body as it comes. Each piece is overwritten when the next is asked for. */
export interface Body extends AsyncIterable<Buffer> {
  /** Gives it up before its end. */
  cancel(): void;
}

export interface Transport {
  /** Follows redirects; tries again what may pass: five times in all. */
  send(ask: Ask): Promise<Answer>;
  close(): Promise<void>;
}

export interface TransportOptions {
  readonly signal: AbortSignal;
  /** Milliseconds; rejects when the signal is aborted. */
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly now: () => number;
  /** What is known of a host ("registry.example:5000") besides the machine's authorities; null: nothing. */
  readonly certificates: (host: string) => Certificates | null;
}

const tries = 5;
const longest = 60_000;

export function makeTransport(options: TransportOptions): Transport {
  const clients = makeClients(options);
  /** Hosts that have answered: one that never did is not there, which waiting does not change. */
  const known = new Set<string>();
  return {
    async send(ask) {
      for (let attempt = 1; ; attempt++) {
        try {
          const answer = await follow(ask, (url) => clients.of(url, ask.insecure), options.signal);
          known.add(ask.url.host);
          if (attempt === tries || !isPassing(answer.status)) return answer;
          const wait = waitFor(answer, attempt, options.now());
          if (wait === null) return answer;
          answer.body.cancel();
          await options.sleep(wait);
        } catch (error) {
          options.signal.throwIfAborted();
          if (error instanceof ImageFailure) throw error;
          if (attempt === tries || isFinal(error, known.has(ask.url.host))) throw error;
          await options.sleep(pause(attempt));
        }
      }
    },
    close: () => clients.close(),
  };
}

/** Answers that may be another in a moment. */
const isPassing = (status: number): boolean => [408, 429, 500, 502, 503, 504].includes(status);

/** 2, 4, 8, 16 seconds. */
const pause = (attempt: number): number => Math.min(longest, 1000 * 2 ** attempt);

/** As the server asks (Retry-After: seconds or a date); null: longer than anybody waits. */
function waitFor({ headers }: Answer, attempt: number, now: number): number | null {
  const said = headers["retry-after"];
  if (said === undefined) return pause(attempt);
  const wait = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - now;
  if (Number.isNaN(wait)) return pause(attempt);
  return wait > longest ? null : Math.max(0, wait);
}

/** Failures that another try does not change. */
function isFinal(error: unknown, known: boolean): boolean {
  const code = errnoOf(error) ?? "";
  if (code === "ENOTFOUND" || code === "EPROTO" || /CERT|SSL|TLS/.test(code)) return true;
  if (code === "UND_ERR_INVALID_ARG" || code === "ERR_INVALID_URL") return true;
  return (code === "ECONNREFUSED" || code === "UND_ERR_CONNECT_TIMEOUT") && !known;
}

const mostRedirects = 10;

async function follow(ask: Ask, client: (url: URL) => Client, signal: AbortSignal): Promise<Answer> {
  let { url } = ask;
  for (let hops = 0; ; hops++) {
    const own = url.host === ask.url.host && url.protocol === ask.url.protocol;
    const headers = {
      "user-agent": "pavlos",
      ...ask.headers,
      ...(ask.authorization !== null && own ? { authorization: ask.authorization } : {}),
    };
    const answer = await exchange({ ...ask, url, headers }, client(url), signal);
    const { status } = answer;
    const location = [301, 302, 303, 307, 308].includes(status) ? answer.headers.location : undefined;
    if (typeof location !== "string") return answer;
    answer.body.cancel();
    if (hops === mostRedirects) throw redirect(ask.url, `it redirects more than ${mostRedirects} times`);
    url = target(location, url, ask);
  }
}

/** Long answers by the way that is made for them, where the server takes part in it. */
async function exchange(ask: Ask, client: Client, signal: AbortSignal): Promise<Answer> {
  const { method, url, headers } = ask;
  if (ask.length === "long" && client.long !== null && !client.declined.has(url.host)) {
    const answer = await client.long.get(url, headers);
    if (answer !== null) return { ...answer, body: { ...iterable(answer.body), cancel: answer.cancel } };
    client.declined.add(url.host);
  }
  const {
    statusCode,
    headers: said,
    body,
  } = await request(url, {
    method,
    dispatcher: client.dispatcher,
    signal,
    headers,
    ...(ask.body === undefined ? {} : { body: ask.body }),
  });
  const cancel = (): void => {
    // Destroyed on purpose: what it says of that is nobody's news.
    body.on("error", () => undefined);
    body.destroy();
  };
  return { status: statusCode, headers: said, body: { ...iterable(body), cancel } };
}

const iterable = (body: AsyncIterable<Buffer>): AsyncIterable<Buffer> => ({
  [Symbol.asyncIterator]: () => body[Symbol.asyncIterator](),
});

function target(location: string, from: URL, ask: Ask): URL {
  if (!URL.canParse(location, from.href))
    throw redirect(ask.url, `it redirects to "${location.slice(0, 100)}"`);
  const url = new URL(location, from);
  if (url.protocol === "https:") return url;
  const mayBePlain = ask.insecure || (isLoopback(url.hostname) && isLoopback(ask.url.hostname));
  if (url.protocol === "http:" && mayBePlain) return url;
  throw redirect(ask.url, `it redirects to ${url.protocol}//${url.host}, which is not encrypted`);
}

const redirect = (url: URL, why: string): ImageFailure =>
  new ImageFailure({
    code: "registry-redirect",
    message: `${url.host} is not followed: ${why}`,
    hint: "ask whoever runs the registry",
  });

interface Client {
  readonly dispatcher: Dispatcher;
  /** null: a proxy stands between. */
  readonly long: LongGets | null;
  /** Hosts whose long answers need the dispatcher. */
  readonly declined: Set<string>;
}

/**
 * One for all hosts with certificates that the machine can check, one for those that are taken as they are, and one
 * for each host that has its own.
 */
function makeClients({ certificates, signal }: TransportOptions) {
  const made = new Map<string, Client>();
  const timing = { headersTimeout: 60_000, bodyTimeout: 60_000, connectTimeout: 15_000 };
  const make = (unchecked: boolean, special: Certificates | null): Client => {
    const checks = unchecked ? { rejectUnauthorized: false } : { ca: [...trusted(), ...(special?.ca ?? [])] };
    const connect = { ...checks, ...special?.own };
    const proxied = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].some(
      (name) => process.env[name],
    );
    const dispatcher = new (proxied ? EnvHttpProxyAgent : Agent)({ ...timing, connect });
    const long = proxied ? null : makeLongGets({ tls: connect, signal });
    return { dispatcher, long, declined: new Set() };
  };
  return {
    of(url: URL, insecure: boolean): Client {
      const unchecked = insecure || url.protocol === "http:";
      const special = url.protocol === "http:" ? null : certificates(url.host);
      const key = `${unchecked} ${special === null ? "" : url.host}`;
      const there = made.get(key) ?? make(unchecked, special);
      made.set(key, there);
      return there;
    },
    close: async (): Promise<void> => {
      for (const { long } of made.values()) long?.close();
      await Promise.all([...made.values()].map(({ dispatcher }) => dispatcher.destroy()));
    },
  };
}

/** Node brings authorities of its own; a company's are among the machine's. */
function trusted(): string[] {
  const tls = process.getBuiltinModule("node:tls");
  return [...tls.getCACertificates("default"), ...tls.getCACertificates("system")];
}
