import { trees } from "../../../host/trees.ts";
import type { Database, Installed, PackageManager } from "./database.ts";

/** Debian, Ubuntu. */
export const dpkg: PackageManager = {
  name: "dpkg",
  databases: ["/var/lib/dpkg/status"],
  own: [
    "/var/lib/dpkg",
    "/var/lib/apt",
    "/var/cache/apt",
    "/var/cache/debconf",
    "/var/cache/man",
    "/var/log/apt",
    "/var/log/dpkg.log",
  ],
  read: (path) => parseStatus(trees.readThrough(path) ?? ""),
  listOf: (name) => `/var/lib/dpkg/info/${name}.list`,
};

/** Paragraphs of `Key: value` lines. Only what is unpacked counts, not what is merely known. */
export function parseStatus(text: string): Database {
  const found = new Map<string, Installed>();
  for (const paragraph of text.split(/\n{2,}/)) {
    const field = (name: string): string | null =>
      new RegExp(`^${name}: *(.*)$`, "m").exec(paragraph)?.[1] ?? null;
    const [name, version, status] = [field("Package"), field("Version"), field("Status")];
    if (
      name === null ||
      version === null ||
      !/ (installed|unpacked|half-configured|triggers-.*)$/.test(status ?? "")
    )
      continue;
    // dpkg itself names these by their architecture too: info/libc6:amd64.list.
    const qualified = field("Multi-Arch") === "same" ? `${name}:${field("Architecture")}` : name;
    found.set(qualified, { version, files: [] });
  }
  return found;
}
