import { join } from "node:path";
import type { Files } from "../../../host/files.ts";
import { trees } from "../../../host/trees.ts";
import { type Content, mountedBeside } from "./attach.ts";
import type { Prepared } from "./resolve.ts";

/**
 * Makes a prebuilt directory, once: it is complete under its name or not there. False: its files cannot be
 * linked (they are on another file system), and the directory to mount them in was made instead.
 */
export async function makePrebuilt(files: Files, prepared: Prepared): Promise<boolean> {
  const { directory, linked } = prepared;
  if (files.status(directory) !== null) {
    // gc leaves what was wanted a moment ago.
    trees.touch(directory);
    return true;
  }
  const content = prepared.content();
  const temporary = `${directory}.${process.pid}.tmp`;
  for (const name of ["bin", "lib", "lib64"]) trees.makeDirectory(join(temporary, name), 0o755);
  if (linked && !linkFiles(temporary, content)) {
    await files.remove(temporary);
    await makePrebuilt(files, { ...prepared, directory: mountedBeside(directory), linked: false });
    return false;
  }
  if (!linked) makeEmpty(temporary, content);
  for (const [name, target] of Object.entries(content.links)) trees.makeLink(target, join(temporary, name));
  for (const [name, text] of Object.entries(content.texts)) trees.writePublic(join(temporary, name), text);
  // Another pavlos may have made it meanwhile.
  if (files.status(directory) === null) trees.rename(temporary, directory);
  else await files.remove(temporary);
  return true;
}

/** False: not all of them can be, or one is not what was found. */
function linkFiles(directory: string, { files }: Content): boolean {
  // There each link would be a copy, made by the kernel: a driver has half a gigabyte.
  if (trees.isOverlay(directory)) return false;
  return Object.entries(files).every(([name, { path, inode }]) => {
    const at = join(directory, name);
    return trees.shareFile(path, at) && trees.stats(at)?.ino === inode;
  });
}

function makeEmpty(directory: string, { files }: Content): void {
  for (const name of Object.keys(files))
    trees.writePublic(join(directory, name), "", name.startsWith("bin/") ? 0o755 : 0o644);
}
