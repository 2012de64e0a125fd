import { dirname, join } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import { bootId, runGpuTool } from "../../../host/gpu-tool.ts";
import { hashOf } from "../../../model/hash.ts";
import type { StatePaths } from "../../../state/paths.ts";
import type { Tools } from "../../tools.ts";
import { shortAddress } from "./gpus.ts";
import type { Driver, DriverFiles } from "./model.ts";
import type { Details } from "./select.ts";

export type DetailsByGpu = ReadonlyMap<string, Details>;

/**
 * Memory, compute capability and MIG names, from nvidia-smi: asked once per boot, driver and layout of
 * the GPUs, because it has to open them.
 */
export function detailsOf(
  tools: Pick<Tools, "files" | "paths">,
  tree: DriverTree,
  { driver, files }: { readonly driver: Driver; readonly files: DriverFiles },
): DetailsByGpu {
  if (driver.kind !== "nvidia" || driver.gpus.length === 0) return new Map();
  const path = cachePath(tools.paths, tree, driver);
  const cached = tools.files.readText(path);
  if (cached !== null) return parseStored(cached);
  const found = ask(tree, files);
  if (found === null) return new Map();
  tools.files.makeDirectory(dirname(path), 0o700);
  tools.files.replace(path, JSON.stringify([...found]));
  return found;
}

function cachePath(paths: StatePaths, tree: DriverTree, driver: Driver): string {
  const layout = driver.gpus.map(({ busId, uuid, mig }) => [busId, uuid, mig?.map(({ nodes }) => nodes)]);
  const key = hashOf(JSON.stringify([bootId(), tree.root, driver.version, layout]));
  return join(paths.run, "gpus", "cache", `details-${key.slice(0, 16)}.json`);
}

function ask(tree: DriverTree, files: DriverFiles): DetailsByGpu | null {
  const program = files.files.find(({ target }) => target === "nvidia-smi");
  if (program === undefined) return null;
  const management = files.libraries.find(({ file }) => file.startsWith("libnvidia-ml.so"));
  const libraries = management === undefined ? null : join(tree.root, dirname(management.path));
  const run = (...args: string[]) => runGpuTool(join(tree.root, program.path), args, libraries);
  const query = run(
    "--query-gpu=index,uuid,pci.bus_id,memory.total,compute_cap",
    "--format=csv,noheader,nounits",
  );
  if (query === null) return null;
  return parseDetails(query, run("-L") ?? "");
}

/** The two outputs of nvidia-smi, parsed; each GPU by its UUID and by its address. */
export function parseDetails(query: string, list: string): DetailsByGpu {
  const mig = parseList(list);
  const found = new Map<string, Details>();
  for (const line of query.split("\n")) {
    const [, uuid, busId, memory, compute] = line.split(",").map((part) => part.trim());
    if (uuid === undefined || busId === undefined) continue;
    const details: Details = {
      memory: memory !== undefined && /^\d+$/.test(memory) ? Number(memory) * 2 ** 20 : null,
      compute: compute !== undefined && /^\d+\.\d+$/.test(compute) ? compute : null,
      mig: mig.get(uuid) ?? [],
    };
    found.set(uuid, details);
    found.set(shortAddress(busId), details);
  }
  return found;
}

/** MIG devices stand below their GPU, in their order. */
function parseList(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of text.split("\n")) {
    const [, uuid = ""] = /\(UUID: ((?:GPU|MIG)-[^)]+)\)/.exec(line) ?? [];
    if (uuid.startsWith("GPU-")) {
      current = [];
      found.set(uuid, current);
    } else if (uuid.startsWith("MIG-")) current.push(uuid);
  }
  return found;
}

function parseStored(text: string): DetailsByGpu {
  try {
    return new Map(JSON.parse(text) as [string, Details][]);
  } catch {
    // Not ours: asked again when it is removed; constraints say that they do not know.
    return new Map();
  }
}
