import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import { join } from "node:path";

/** Something that is to be copied. */
export interface CopiedEntry {
  /** Below the source; "" is the source itself. */
  readonly path: string;
  readonly kind: "file" | "directory" | "link" | "other";
  readonly mode: number;
  /** Of a link. */
  readonly target: string | null;
  /** Another one means another content. */
  readonly identity: string;
  /** Milliseconds since 1970 of the last change of any kind. */
  readonly changedAt: number;
}

/** The source and all below it that is not left out, parents first, sorted by name. */
export function* copiedEntries(
  source: string,
  leaveOut: (path: string) => boolean,
  path = "",
): Generator<CopiedEntry> {
  const stats = lstatSync(join(source, path));
  const kind = stats.isDirectory()
    ? "directory"
    : stats.isFile()
      ? "file"
      : stats.isSymbolicLink()
        ? "link"
        : "other";
  if (path === "" || !leaveOut(path))
    yield {
      path,
      kind,
      mode: stats.mode & 0o7777,
      target: kind === "link" ? readlinkSync(join(source, path)) : null,
      identity: [stats.dev, stats.ino, stats.size, stats.mtimeMs, stats.ctimeMs].join(" "),
      changedAt: Math.max(stats.mtimeMs, stats.ctimeMs),
    };
  if (kind !== "directory") return;
  // Also below what is left out: a later pattern may take something back.
  for (const name of readdirSync(join(source, path)).sort())
    yield* copiedEntries(source, leaveOut, path === "" ? name : `${path}/${name}`);
}

/** Hex SHA-256 of a file. Synchronous, as all looks at what is wanted are. */
export function digestFile(path: string): string {
  const hash = createHash("sha256");
  const buffer = Buffer.alloc(1 << 20);
  const descriptor = openSync(path, "r");
  try {
    for (;;) {
      const length = readSync(descriptor, buffer);
      if (length === 0) return hash.digest("hex");
      hash.update(buffer.subarray(0, length));
    }
  } finally {
    closeSync(descriptor);
  }
}
