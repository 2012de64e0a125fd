import { join, posix } from "node:path";
import type { ConfigReader } from "../host/config-reader.ts";

/**
 * Files below a directory that match a pattern, sorted: `*` and `?` within a name, `**` for any
 * directories. Names that begin with `.` or `_` are not matched by a wildcard: files to extend only.
 */
export function expandPattern(root: string, pattern: string, reader: ConfigReader): readonly string[] {
  const found = new Set<string>();
  expand(root, posix.normalize(pattern).split("/"), { reader, found });
  return [...found].sort();
}

function expand(
  directory: string,
  segments: readonly string[],
  to: { reader: ConfigReader; found: Set<string> },
): void {
  const [segment, ...rest] = segments;
  if (segment === undefined) return;
  if (segment === "**") {
    expand(directory, rest, to);
    for (const name of visible(directory, to.reader)) {
      const path = join(directory, name);
      if (name !== "node_modules" && to.reader.stat(path) === "directory") expand(path, segments, to);
    }
    return;
  }
  const isWild = /[*?]/.test(segment);
  const names = isWild
    ? visible(directory, to.reader).filter((name) => matcher(segment).test(name))
    : [segment];
  for (const name of names) {
    const path = join(directory, name);
    if (rest.length > 0) expand(path, rest, to);
    else if (isWild || to.reader.stat(path) === "file") to.found.add(path);
  }
}

const visible = (directory: string, reader: ConfigReader): readonly string[] => {
  const names = reader.list(directory);
  return names.ok ? names.value.filter((name) => !/^[._]/.test(name)) : [];
};

const matcher = (segment: string): RegExp =>
  new RegExp(
    `^${segment
      .replaceAll(/[.+^${}()|[\]\\]/g, "\\$&")
      .replaceAll("*", ".*")
      .replaceAll("?", ".")}$`,
  );
