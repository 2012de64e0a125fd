import { dirname } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import { bootId } from "../../../host/gpu-tool.ts";
import { fingerprintOf } from "../../../model/hash.ts";
import type { Tools } from "../../tools.ts";
import type { Driver, DriverFiles } from "./model.ts";

/** Where installing or removing a driver leaves a trace. */
const traces = [
  "/etc/ld.so.cache",
  "/usr/bin",
  "/usr/local/nvidia",
  "/usr/local/nvidia/lib64",
  "/usr/lib/wsl/lib",
  "/run/nvidia-persistenced",
  "/run/nvidia-fabricmanager",
  "/tmp/nvidia-mps",
];

/** What was found, and times of change of the directories it is in: replacing a file in one changes its time. */
interface Kept {
  readonly found: DriverFiles;
  readonly times: Readonly<Record<string, number>>;
}

/** The driver's files as found before: within one boot, while nothing was installed. */
export function cachedFiles(
  { files, paths }: Pick<Tools, "files" | "paths">,
  tree: DriverTree,
  { driver, find }: { readonly driver: Driver; readonly find: () => DriverFiles },
): DriverFiles {
  const timeOf = (path: string) => tree.status(path)?.mtimeMs ?? 0;
  const times = traces.map(timeOf);
  const key = fingerprintOf(JSON.stringify([bootId(), tree.root, driver.kind, driver.version, times]));
  const path = `${paths.run}/gpus/cache/driver-${key}.json`;
  const kept = parse(files.readText(path));
  if (kept !== null && Object.entries(kept.times).every(([place, time]) => timeOf(place) === time))
    return kept.found;
  const found = find();
  const places = new Set(found.libraries.map((library) => dirname(library.path)));
  const now: Kept = { found, times: Object.fromEntries([...places].map((place) => [place, timeOf(place)])) };
  files.makeDirectory(dirname(path), 0o700);
  files.replace(path, JSON.stringify(now));
  return found;
}

function parse(text: string | null): Kept | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as Kept;
  } catch {
    // Not ours: looked for again.
    return null;
  }
}
