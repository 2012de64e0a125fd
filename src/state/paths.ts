/**
 * Where Pavlos keeps everything on this machine for this caller; docs/architecture.md shows the tree. Both are
 * absolute and normal. What lies below them is put together as text: a command asks for hundreds of these
 * paths, and path.join looks at each character of each.
 */
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

export const storePath = (paths: StatePaths): string => `${paths.data}/store`;
export const blobsPath = (paths: StatePaths): string => `${storePath(paths)}/blobs/sha256`;
export const layersPath = (paths: StatePaths): string => `${storePath(paths)}/layers`;
export const imagesPath = (paths: StatePaths): string => `${storePath(paths)}/images`;
/** Stacks that the user gave a name. */
export const namedRootPath = (paths: StatePaths, name: string): string => `${refsPath(paths)}/${name}.json`;
export const refsPath = (paths: StatePaths): string => `${storePath(paths)}/refs`;
/** One file a digest that is being worked on. */
export const locksPath = (paths: StatePaths): string => `${storePath(paths)}/locks`;
/** One file a process that works with layers. */
export const leasesPath = (paths: StatePaths): string => `${storePath(paths)}/leases`;
/** Prebuilt directories of GPU drivers. */
export const driversPath = (paths: StatePaths): string => `${storePath(paths)}/drivers`;
/** What pavlosc gets as --root. */
export const containersPath = (paths: StatePaths): string => `${paths.run}/containers`;
/** Holds one directory for each project. */
export const projectsPath = (paths: StatePaths): string => `${paths.data}/environments`;
export const projectPath = (paths: StatePaths, projectId: string): string =>
  `${projectsPath(paths)}/${projectId}`;
export const volumePath = (paths: StatePaths, projectId: string, volume: string): string =>
  `${paths.data}/volumes/${projectId}/${volume}`;

export function environmentPaths(paths: StatePaths, projectId: string, name: string): EnvironmentPaths {
  const directory = `${projectPath(paths, projectId)}/${name}`;
  const bundle = `${directory}/bundle`;
  return {
    directory,
    record: `${directory}/record.json`,
    bundle,
    upper: `${directory}/upper`,
    work: `${directory}/work`,
    aside: `${directory}/upper.aside`,
    asideRecord: `${directory}/upper.aside.json`,
    log: `${directory}/logs/output.log`,
    events: `${directory}/logs/events.jsonl`,
    status: `${bundle}/status.json`,
  };
}

/** The id under which pavlosc knows an environment. */
export const containerIdOf = (projectId: string, name: string): string => `${projectId}-${name}`;
