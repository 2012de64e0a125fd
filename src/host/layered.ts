import { trees } from "./trees.ts";

/**
 * Whether an overlay of these directories (absolute, topmost first) would have something at a path, with
 * links followed inside. No link of a layer is ever followed by the kernel: each part is looked at by itself,
 * in the directories that would be merged there.
 */
export function isInLayers(layers: readonly string[], path: string): boolean {
  const left = partsOf(path);
  const above: (readonly string[])[] = [];
  let here = layers;
  let links = 0;
  for (let part = left.shift(); part !== undefined; part = left.shift()) {
    if (part === "..") {
      here = above.pop() ?? layers;
      continue;
    }
    const seen = lookUp(here, part);
    if (seen === null) return false;
    if (typeof seen !== "string") {
      above.push(here);
      here = seen;
      continue;
    }
    const target = trees.linkTarget(seen);
    if (target === null) return left.length === 0;
    links += 1;
    if (links > 40) return false;
    if (target.startsWith("/")) {
      here = layers;
      above.length = 0;
    }
    left.unshift(...partsOf(target));
  }
  return true;
}

const partsOf = (path: string): string[] => path.split("/").filter((part) => part !== "" && part !== ".");

/** Directories that are merged, or the path of what is no directory; null: nothing, or it was removed. */
function lookUp(directories: readonly string[], name: string): readonly string[] | string | null {
  const merged: string[] = [];
  for (const directory of directories) {
    const path = `${directory}/${name}`;
    const stats = trees.stats(path);
    if (stats === null) continue;
    if (stats.isDirectory()) {
      merged.push(path);
      continue;
    }
    const isWhiteout = stats.isCharacterDevice() && stats.rdev === 0;
    if (merged.length > 0) break;
    return isWhiteout ? null : path;
  }
  return merged.length === 0 ? null : merged;
}
