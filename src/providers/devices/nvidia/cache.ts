import { dirname, join } from "node:path";
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

/** The driver's files as found before: within one boot, while nothing was installed. */
export function cachedFiles(
  { files, paths }: Pick<Tools, "files" | "paths">,
  tree: DriverTree,
  { driver, find }: { readonly driver: Driver; readonly find: () => DriverFiles },
): DriverFiles {
  const times = traces.map((path) => tree.status(path)?.mtimeMs ?? null);
  const key = fingerprintOf(JSON.stringify([bootId(), tree.root, driver.kind, driver.version, times]));
  const path = join(paths.run, "gpus", "cache", `driver-${key}.json`);
  const cached = parse(files.readText(path));
  if (cached !== null) return cached;
  const found = find();
  files.makeDirectory(dirname(path), 0o700);
  files.replace(path, JSON.stringify(found));
  return found;
}

function parse(text: string | null): DriverFiles | null {
  if (text === null) return null;
  try {
    return JSON.parse(text) as DriverFiles;
  } catch {
    // Not ours: looked for again.
    return null;
  }
}
