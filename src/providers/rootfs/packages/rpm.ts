import { sqliteColumn } from "../../../host/sqlite.ts";
import type { Installed, PackageManager } from "./database.ts";

/** Fedora, Rocky, Alma, openSUSE, where the database is SQLite (since 2020). */
export const rpm: PackageManager = {
  name: "rpm",
  databases: ["/usr/lib/sysimage/rpm/rpmdb.sqlite", "/var/lib/rpm/rpmdb.sqlite"],
  own: ["/usr/lib/sysimage/rpm", "/var/lib/rpm", "/var/cache/dnf", "/var/lib/dnf", "/var/cache/libdnf5"],
  read: (path) => new Map(sqliteColumn(path, "SELECT blob FROM Packages").flatMap(parseHeader)),
  listOf: () => null,
};

const tags = {
  name: 1000,
  version: 1001,
  release: 1002,
  epoch: 1003,
  arch: 1022,
  directoryIndexes: 1116,
  baseNames: 1117,
  directoryNames: 1118,
} as const;

/** A header: counts of entries and of bytes, entries of (tag, type, offset, count), then the bytes. */
export function parseHeader(blob: Buffer): readonly [string, Installed][] {
  const count = blob.readUInt32BE(0);
  const store = blob.subarray(8 + 16 * count);
  const entries = new Map<number, { readonly offset: number; readonly count: number }>();
  for (let index = 0; index < count; index += 1) {
    const at = 8 + 16 * index;
    entries.set(blob.readUInt32BE(at), {
      offset: blob.readUInt32BE(at + 8),
      count: blob.readUInt32BE(at + 12),
    });
  }
  const texts = (tag: number): readonly string[] => {
    const entry = entries.get(tag);
    return entry === undefined ? [] : zeroEnded(store, entry.offset, entry.count);
  };
  const numbers = (tag: number): readonly number[] => {
    const entry = entries.get(tag);
    if (entry === undefined) return [];
    return Array.from({ length: entry.count }, (_, index) => store.readUInt32BE(entry.offset + 4 * index));
  };
  const [name, version, release] = [tags.name, tags.version, tags.release].map((tag) => texts(tag)[0]);
  if (name === undefined || version === undefined) return [];
  const directories = texts(tags.directoryNames);
  const indexes = numbers(tags.directoryIndexes);
  const files = texts(tags.baseNames).map(
    (base, index) => `${directories[indexes[index] ?? -1] ?? "/"}${base}`,
  );
  const epoch = numbers(tags.epoch)[0];
  const full = `${epoch === undefined ? "" : `${epoch}:`}${version}-${release}`;
  // Several kernels of one name may be installed; several libraries of different architectures too.
  return [[`${name}.${texts(tags.arch)[0] ?? "noarch"}`, { version: full, files }]];
}

function zeroEnded(store: Buffer, offset: number, count: number): readonly string[] {
  const texts: string[] = [];
  for (let at = offset; texts.length < count; ) {
    const end = store.indexOf(0, at);
    if (end < 0) break;
    texts.push(store.toString("utf8", at, end));
    at = end + 1;
  }
  return texts;
}
