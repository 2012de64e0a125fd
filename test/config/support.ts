import { dirname, join, normalize } from "node:path";
import { type LoadOptions, loadProject } from "../../src/config/load.ts";
import type { ConfigReader } from "../../src/host/config-reader.ts";
import type { Environment } from "../../src/model/environment.ts";
import type { HostFacts } from "../../src/model/host.ts";
import type { Desired } from "../../src/model/project.ts";
import { failure, success } from "../../src/model/result.ts";
import type { Problem } from "../../src/model/source.ts";

/** A machine with 8 processors and 16 GiB, used by ada. */
export const machine: HostFacts = {
  kernel: "6.18.0",
  arch: "x64",
  cpus: 8,
  memory: 16 * 2 ** 30,
  caller: {
    uid: 1000,
    gid: 1000,
    name: "ada",
    group: "ada",
    home: "/home/ada",
    shell: "/bin/bash",
    subuids: [],
    subgids: [],
    mapHelpers: false,
  },
  cgroup: { controllers: ["cpu", "memory", "pids"], version: 2, scope: [] },
};

/** Files by absolute path; a path that ends in / is an empty directory. */
export type MemoryFiles = Readonly<Record<string, string>>;

/** A file system that holds just these files. */
export function memoryReader(files: MemoryFiles): ConfigReader {
  const paths = Object.keys(files);
  const stat = (path: string): "file" | "directory" | null => {
    if (files[path] !== undefined) return "file";
    return paths.some((known) => known.startsWith(`${path === "/" ? "" : path}/`)) ? "directory" : null;
  };
  return {
    readText(path) {
      const text = files[path];
      return text === undefined
        ? failure({ reason: "missing", message: "it does not exist" })
        : success(text);
    },
    list(path) {
      const below = paths
        .filter((known) => dirname(known) === path)
        .map((known) => known.slice(path.length + 1));
      return success(below.sort());
    },
    stat,
    realpath: (path) => normalize(path),
  };
}

export const projectDirectory = "/home/ada/work/demo";

/** Loads a project whose files are given relative to its root. */
export function load(files: MemoryFiles, options: Partial<LoadOptions> = {}) {
  const absolute = Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path.startsWith("/") ? path : join(projectDirectory, path),
      text,
    ]),
  );
  return loadProject({
    cwd: projectDirectory,
    host: machine,
    env: {},
    reader: memoryReader(absolute),
    ...options,
  });
}

/** The desired state of files that have to be right. */
export async function desiredOf(files: MemoryFiles, options: Partial<LoadOptions> = {}): Promise<Desired> {
  const loaded = await load(files, options);
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure, null, 2));
  return loaded.value;
}

/** The one environment of a file that has to be right. */
export async function environmentOf(text: string, options: Partial<LoadOptions> = {}): Promise<Environment> {
  const { environments } = await desiredOf({ "environments/it.yaml": text }, options);
  const [environment] = environments;
  if (!environment || environments.length !== 1) throw new Error("expected one environment");
  return environment;
}

/** What is wrong with files that have to be wrong. */
export async function problemsOf(
  files: MemoryFiles,
  options: Partial<LoadOptions> = {},
): Promise<readonly Problem[]> {
  const loaded = await load(files, options);
  if (loaded.ok) throw new Error("the files were accepted");
  return loaded.failure;
}
