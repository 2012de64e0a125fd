import { closeSync, fstatSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { isMissing } from "./errno.ts";

/**
 * Texts of a rotated log, newest first: `path`, `path.1`, `path.2`, ... Lazily, so that the last
 * lines of a long log cost one file.
 */
export function* logTexts(path: string): Generator<string> {
  for (let index = 0; ; index += 1) {
    const text = read(index === 0 ? path : `${path}.${index}`);
    if (text === null) return;
    yield text;
  }
}

/**
 * What is added to the file from `offset` on, through rotations, until the signal aborts. Looks ten
 * times a second: inotify does not tell of all file systems that data may lie on.
 */
export async function* followLog(path: string, offset: number, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let at = offset;
  let descriptor: number | null = null;
  try {
    while (!signal.aborted) {
      descriptor ??= open(path);
      if (descriptor !== null) {
        // Asked before reading: what was written until the rename is then read before the change of files.
        const rotated = !isSameFile(descriptor, path);
        for (let piece = readAt(descriptor, at); piece.length > 0; piece = readAt(descriptor, at)) {
          at += piece.length;
          yield decoder.decode(piece, { stream: true });
        }
        if (rotated) {
          closeSync(descriptor);
          descriptor = null;
          at = 0;
          continue;
        }
      }
      await sleep(100, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    if (descriptor !== null) closeSync(descriptor);
  }
}

/** Bytes in the file now; 0 when it is not there yet. */
export function logSize(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function open(path: string): number | null {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isSameFile(descriptor: number, path: string): boolean {
  const named = statSync(path, { throwIfNoEntry: false });
  // Not there: between the rename and the new file. Whether it is another one shows a moment later.
  return named === undefined || named.ino === fstatSync(descriptor).ino;
}

function readAt(descriptor: number, position: number): Uint8Array {
  const buffer = Buffer.allocUnsafe(64 * 1024);
  return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, position));
}
