import type { ConnectionOptions } from "node:tls";
import { type Connection, connectTo } from "./connection.ts";

/** The head of an answer, and its body as it comes. */
export interface LongAnswer {
  readonly status: number;
  /** By names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Each piece is overwritten when the next is asked for. Fails when the connection ends before the body does. */
  readonly body: AsyncIterable<Buffer>;
  /** Gives up what is left of the body. */
  cancel(): void;
}

/** Requests whose answers are long. */
export interface LongGets {
  /** null: this server answers in a way that only a whole client of HTTP understands. */
  get(url: URL, headers: Readonly<Record<string, string>>): Promise<LongAnswer | null>;
  close(): void;
}

export interface LongGetOptions {
  /** For https. */
  readonly tls: ConnectionOptions;
  readonly signal: AbortSignal;
}

const connectTimeout = 15_000;
const silence = 60_000;
const longestHead = 64 << 10;

/**
 * A GET over HTTP/1.1 for bodies of a known length, at a third of what a whole client takes: it only says where a
 * body begins and counts. Connections are used again.
 */
export function makeLongGets({ tls, signal }: LongGetOptions): LongGets {
  const open = new Set<Connection>();
  const idle = new Map<string, Connection[]>();
  const leave = (connection: Connection, reason?: Error): void => {
    open.delete(connection);
    connection.destroy(reason);
  };
  signal.addEventListener("abort", () => open.forEach((one) => void leave(one, signal.reason)), {
    once: true,
  });
  const connect = (url: URL): Connection => {
    const secure = url.protocol === "https:";
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const connection = connectTo({
      host,
      port: Number(url.port || (secure ? 443 : 80)),
      tls: secure
        ? { ...tls, ALPNProtocols: ["http/1.1"], ...(isName(host) ? { servername: host } : {}) }
        : null,
      connectTimeout,
      silence,
    });
    open.add(connection);
    return connection;
  };
  return {
    async get(url, headers) {
      for (;;) {
        signal.throwIfAborted();
        const used = idle.get(url.origin)?.pop();
        const connection = used ?? connect(url);
        const again = (): void => void idle.set(url.origin, [...(idle.get(url.origin) ?? []), connection]);
        try {
          const head = await ask(connection, url, headers);
          if (head !== null) return answerOf(head, connection, { again, leave: () => leave(connection) });
          leave(connection);
          return null;
        } catch (error) {
          leave(connection);
          signal.throwIfAborted();
          // One that waited may have been closed from the other side: that says nothing about a new one.
          if (used === undefined) throw error;
        }
      }
    },
    close: () => open.forEach((connection) => void leave(connection)),
  };
}

const isName = (host: string): boolean => process.getBuiltinModule("node:net").isIP(host) === 0;

const endedEarly = (): Error =>
  Object.assign(new Error("it ended the connection early"), { code: "ECONNRESET" });

interface Head {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly length: number;
  /** What came of the body together with the head. */
  readonly begun: Buffer;
}

/** null: an answer without a plain length. */
async function ask(
  connection: Connection,
  url: URL,
  headers: Readonly<Record<string, string>>,
): Promise<Head | null> {
  const lines = Object.entries({ host: url.host, ...headers }).map((line) => line.join(": "));
  if (lines.some((line) => /[\r\n]/.test(line))) return null;
  if (!connection.isQuiet()) throw endedEarly();
  connection.send(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n`);
  let bytes: Buffer = Buffer.alloc(0);
  for (;;) {
    const piece = await connection.next();
    if (piece === null) throw endedEarly();
    bytes = bytes.length === 0 ? piece : Buffer.concat([bytes, piece]);
    const end = bytes.indexOf("\r\n\r\n");
    if (end !== -1) return headOf(bytes.toString("latin1", 0, end), bytes.subarray(end + 4));
    if (bytes.length > longestHead) return null;
    bytes = Buffer.from(bytes);
  }
}

function headOf(text: string, begun: Buffer): Head | null {
  const [first = "", ...lines] = text.split("\r\n");
  const status = Number(/^HTTP\/1\.1 ([2-5]\d\d)(?: |$)/.exec(first)?.[1] ?? "0");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const [, name = "", value = ""] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    const key = name.toLowerCase();
    // Two lengths, a folded line: nothing to guess about.
    if (key === "" || (key === "content-length" && key in headers)) return null;
    headers[key] = key in headers ? `${headers[key]}, ${value}` : value;
  }
  const length = headers["content-length"] ?? "";
  const plain = /^\d{1,15}$/.test(length) && headers["transfer-encoding"] === undefined;
  return status === 0 || status === 204 || status === 304 || !plain
    ? null
    : { status, headers, length: Number(length), begun };
}

interface Ways {
  /** The connection may serve another request. */
  readonly again: () => void;
  readonly leave: () => void;
}

function answerOf({ status, headers, length, begun }: Head, connection: Connection, ways: Ways): LongAnswer {
  let left = length;
  const body = async function* (): AsyncGenerator<Buffer> {
    let clean = !/close/i.test(headers.connection ?? "");
    try {
      for (let piece: Buffer | null = begun; left > 0; piece = await connection.next()) {
        if (piece === null) throw endedEarly();
        clean &&= piece.length <= left;
        const own = piece.subarray(0, left);
        left -= own.length;
        if (own.length > 0) yield own;
        if (left === 0) break;
      }
    } finally {
      if (left === 0 && clean && connection.isQuiet()) ways.again();
      else ways.leave();
    }
  };
  return { status, headers, body: body(), cancel: () => void (left > 0 && ways.leave()) };
}
