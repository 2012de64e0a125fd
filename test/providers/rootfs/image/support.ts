import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseImageName, printImageName } from "../../../../src/config/image-name.ts";
import { type Opening, openSource, type Surroundings } from "../../../../src/providers/rootfs/image/open.ts";
import type { ImageSource } from "../../../../src/providers/rootfs/image/source.ts";

/** A machine of the test's own: nothing of the real one's logins and mirrors is seen, nobody really waits. */
export function surroundings(more: Partial<Surroundings> & { readonly waits?: number[] } = {}): Surroundings {
  return {
    env: {},
    home: "/nonexistent",
    uid: 1000,
    readText: () => null,
    list: () => [],
    signal: new AbortController().signal,
    sleep: (milliseconds) => {
      more.waits?.push(milliseconds);
      return Promise.resolve();
    },
    now: () => performance.now(),
    ...more,
  };
}

export const fullName = (written: string): string => {
  const parsed = parseImageName(written);
  if (!parsed.ok) throw new Error(parsed.failure.message);
  return printImageName(parsed.value);
};

export const open = (written: string, more: Partial<Opening> = {}): Promise<ImageSource> =>
  openSource({ image: fullName(written), insecure: false, surroundings: surroundings(), ...more });

/** Files of a test machine: what is not named is missing. */
export const readerOf =
  (files: Readonly<Record<string, string>>) =>
  (path: string): string | null =>
    files[path] ?? null;

export const logins = (auths: Readonly<Record<string, unknown>>, more: object = {}) =>
  readerOf({ "/nonexistent/.docker/config.json": JSON.stringify({ auths, ...more }) });

export const basic = (user: string, password: string): string =>
  Buffer.from(`${user}:${password}`).toString("base64");

/** A directory that is gone when the test is over. */
export function temporary(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), "pavlos-test-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}
