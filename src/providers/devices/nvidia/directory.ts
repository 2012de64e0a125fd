import { join } from "node:path";
import type { Files } from "../../../host/files.ts";
import { trees } from "../../../host/trees.ts";
import type { Skeleton } from "./attach.ts";

/** Makes the directory, once: it is complete under its name or not there. */
export function makeSkeleton(files: Files, { directory, files: empty, links, texts }: Skeleton): void {
  if (files.status(directory) !== null) {
    // gc leaves what was wanted a moment ago.
    trees.touch(directory);
    return;
  }
  const temporary = `${directory}.${process.pid}.tmp`;
  for (const name of ["bin", "lib", "lib64"]) trees.makeDirectory(join(temporary, name), 0o755);
  for (const name of empty)
    trees.writePublic(join(temporary, name), "", name.startsWith("bin/") ? 0o755 : 0o644);
  for (const [name, target] of Object.entries(links)) trees.makeLink(target, join(temporary, name));
  for (const [name, text] of Object.entries(texts)) trees.writePublic(join(temporary, name), text);
  trees.rename(temporary, directory);
}
