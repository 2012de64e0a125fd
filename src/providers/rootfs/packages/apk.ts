import { trees } from "../../../host/trees.ts";
import type { Database, Installed, PackageManager } from "./database.ts";

/** Alpine, Wolfi. */
export const apk: PackageManager = {
  name: "apk",
  databases: ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"],
  own: ["/lib/apk", "/usr/lib/apk", "/var/cache/apk", "/etc/apk/cache"],
  read: (path) => parseInstalled(trees.readThrough(path) ?? ""),
  listOf: () => null,
};

/** Paragraphs of one-letter lines: P name, V version, F a directory, R a file in the last one. */
export function parseInstalled(text: string): Database {
  const found = new Map<string, Installed>();
  for (const paragraph of text.split(/\n{2,}/)) {
    let [name, version, directory] = ["", "", ""];
    const files: string[] = [];
    for (const line of paragraph.split("\n")) {
      const value = line.slice(2);
      if (line.startsWith("P:")) name = value;
      else if (line.startsWith("V:")) version = value;
      else if (line.startsWith("F:")) {
        directory = value;
        if (directory !== "") files.push(`/${directory}`);
      } else if (line.startsWith("R:")) files.push(directory === "" ? `/${value}` : `/${directory}/${value}`);
    }
    if (name !== "" && version !== "") found.set(name, { version, files });
  }
  return found;
}
