import type { Socket } from "node:net";
import type { ConnectionOptions } from "node:tls";

/** Where to connect. Times in milliseconds. */
export interface Target {
  readonly host: string;
  readonly port: number;
  /** null: not encrypted. */
  readonly tls: ConnectionOptions | null;
  readonly connectTimeout: number;
  /** How long the other end may be silent while it is waited for. */
  readonly silence: number;
}

/** A connection that is read only when asked, into the same memory again and again. */
export interface Connection {
  send(text: string): void;
  /** What comes next; overwritten when more is asked for. null: the other end has said all. */
  next(): Promise<Buffer | null>;
  /** Open, and nothing has come that nobody asked for. */
  isQuiet(): boolean;
  destroy(reason?: Error): void;
}

/** Large pieces: each costs a way through the event loop. Decrypted ones never have more than a record. */
const pieceSize = (tls: object | null): number => (tls === null ? 512 << 10 : 64 << 10);

/**
 * Node's sockets otherwise make a new buffer for each 64 KiB, of which its collector knows little: that and their
 * way through streams cost more processor time than the bytes themselves.
 */
export function connectTo(target: Target): Connection {
  const { tls } = target;
  let held: Buffer[] = [];
  let waiting: PromiseWithResolvers<Buffer | null> | null = null;
  let over: { readonly error: Error | null } | null = null;

  const answer = (): void => {
    if (waiting === null || (held.length === 0 && over === null)) return;
    const { resolve, reject } = waiting;
    waiting = null;
    if (held.length > 0) resolve(joined(held));
    else if (over?.error) reject(over.error);
    else resolve(null);
    held = [];
  };
  const end = (error: Error | null): void => {
    over ??= { error };
    answer();
  };
  const socket = open(target, (piece) => {
    // What was decrypted comes in a row, over the same memory, and cannot be held back.
    held.push(tls === null ? piece : Buffer.from(piece));
    answer();
  });
  let patience = target.connectTimeout;
  socket.setNoDelay(true);
  socket.setTimeout(patience, () => {
    if (waiting !== null) socket.destroy(silent(patience));
  });
  socket.once(tls === null ? "connect" : "secureConnect", () => {
    patience = target.silence;
    socket.setTimeout(patience);
  });
  socket.on("error", end);
  socket.on("end", () => end(null));
  socket.on("close", () => end(null));
  return {
    send: (text) => void socket.write(text, "latin1"),
    next() {
      waiting = Promise.withResolvers();
      const { promise } = waiting;
      answer();
      if (waiting !== null) {
        // The time in which nobody asked is not the other end's silence.
        socket.setTimeout(patience);
        socket.resume();
      }
      return promise;
    },
    isQuiet: () => over === null && held.length === 0,
    destroy: (reason) => void socket.destroy(reason),
  };
}

/** Reading stops after each piece. */
function open({ host, port, tls }: Target, take: (piece: Buffer) => void): Socket {
  const callback = (count: number, bytes: Uint8Array): boolean => {
    take(Buffer.from(bytes.buffer, bytes.byteOffset, count));
    return false;
  };
  const onread = { buffer: Buffer.allocUnsafeSlow(pieceSize(tls)), callback };
  if (tls === null) return process.getBuiltinModule("node:net").connect({ host, port, onread });
  // It takes what net.connect takes, which its types leave out.
  const options = { ...tls, host, port, onread };
  return process.getBuiltinModule("node:tls").connect(options);
}

const silent = (after: number): Error =>
  Object.assign(new Error(`it did not answer in ${after / 1000} s`), { code: "ETIMEDOUT" });

const joined = (pieces: readonly Buffer[]): Buffer =>
  pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
