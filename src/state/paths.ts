import { join } from "node:path";

/** Where Pavlos keeps everything on this machine for this caller; docs/architecture.md shows the tree. */
export interface StatePaths {
  /** What survives a reboot: store, environments, volumes. */
  readonly data: string;
  /** What does not: the containers' states. */
  readonly run: string;
}

/** Directories of one environment, all absolute. */
export interface EnvironmentPaths {
  readonly directory: string;
  readonly record: string;
  readonly bundle: string;
  /** Holds one directory for each layer, as does `work`. */
  readonly upper: string;
  readonly work: string;
  /** The old upper directory while a new one is tried, and what it will be as a snapshot. */
  readonly aside: string;
  readonly asideRecord: string;
  readonly log: string;
  /** One JSON line for each change of its state, by the supervisor. */
  readonly events: string;
  /** What only the supervisor knows: health, restarts, and how the container ended. */
  readonly status: string;
}

export const storePath = (paths: StatePaths): string => join(paths.data, "store");
export const blobsPath = (paths: StatePaths): string => join(paths.data, "store", "blobs", "sha256");
export const layersPath = (paths: StatePaths): string => join(paths.data, "store", "layers");
export const imagesPath = (paths: StatePaths): string => join(paths.data, "store", "images");
/** Stacks that the user gave a name. */
export const namedRootPath = (paths: StatePaths, name: string): string =>
  join(paths.data, "store", "refs", `${name}.json`);
export const refsPath = (paths: StatePaths): string => join(paths.data, "store", "refs");
/** One file a digest that is being worked on. */
export const locksPath = (paths: StatePaths): string => join(paths.data, "store", "locks");
/** One file a process that works with layers. */
export const leasesPath = (paths: StatePaths): string => join(paths.data, "store", "leases");
/** Prebuilt directories of GPU drivers. */
export const driversPath = (paths: StatePaths): string => join(paths.data, "store", "drivers");
/** What pavlosc gets as --root. */
export const containersPath = (paths: StatePaths): string => join(paths.run, "containers");
/** Holds one directory for each project. */
export const projectsPath = (paths: StatePaths): string => join(paths.data, "environments");
export const projectPath = (paths: StatePaths, projectId: string): string =>
  join(paths.data, "environments", projectId);
export const volumePath = (paths: StatePaths, projectId: string, volume: string): string =>
  join(paths.data, "volumes", projectId, volume);

export function environmentPaths(paths: StatePaths, projectId: string, name: string): EnvironmentPaths {
  const directory = join(projectPath(paths, projectId), name);
  const bundle = join(directory, "bundle");
  return {
    directory,
    record: join(directory, "record.json"),
    bundle,
    upper: join(directory, "upper"),
    work: join(directory, "work"),
    aside: join(directory, "upper.aside"),
    asideRecord: join(directory, "upper.aside.json"),
    log: join(directory, "logs", "output.log"),
    events: join(directory, "logs", "events.jsonl"),
    status: join(bundle, "status.json"),
  };
}

/** The id under which pavlosc knows an environment. */
export const containerIdOf = (projectId: string, name: string): string => `${projectId}-${name}`;
