import { realFiles } from "../host/real-files.ts";
import { currentSelf } from "../host/self.ts";
import type { Event } from "../model/event.ts";
import type { HostFacts } from "../model/host.ts";
import type { Desired, ProjectIdentity } from "../model/project.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Loaded, Machinery } from "../reconcile/api.ts";
import { prepareState } from "../state/locate.ts";
import { makeLocker } from "../state/lock.ts";
import { openProjectState } from "../state/project.ts";
import type { Invocation } from "./invocation.ts";
import type { PinRequest } from "./pin.ts";
import { openPlace, openRegistry, openTools, type Place, type RealTools } from "./place.ts";

export { type OpenRegistry, openPlace, openRegistry, openTools, type Place } from "./place.ts";

type Problems = readonly Problem[];

/** A project, and where its state lies. The files may be broken or gone. */
export interface Project extends Place {
  readonly identity: ProjectIdentity;
}

/** A project whose files were read. */
export interface LoadedProject extends Project {
  readonly desired: Desired;
}

/**
 * Finds and loads the files of the project that the caller stands in. Names of images are filled in from
 * the lock and the store; with `lookUp` registries are asked for what is not pinned.
 */
export async function openProject(
  invocation: Invocation,
  images: PinRequest["images"] = "known",
): Promise<Result<LoadedProject, Problems>> {
  const place = openPlace();
  if (!place.ok) return place;
  const { result } = await loadFiles(invocation, place.value, images);
  if (!result.ok) return result;
  return success({ ...place.value, identity: result.value.project, desired: result.value });
}

/** Reads the files, and tells which they are even when something is wrong with them. */
export async function loadFiles(
  invocation: Invocation,
  place: Place,
  images: PinRequest["images"],
): Promise<Loaded> {
  const loaded = await readFiles(invocation, place.host);
  const { result } = loaded;
  if (!result.ok || !result.value.environments.some(({ rootfs }) => inherits.has(rootfs.kind))) return loaded;
  const { pinLoaded } = await import("./pin.ts");
  return await pinLoaded(invocation, place, { loaded, desired: result.value, images });
}

/** Roots that the lock may pin, or that bring something along. */
const inherits: ReadonlySet<string> = new Set(["image", "build", "archive"]);

async function readFiles({ globals }: Invocation, host: HostFacts): Promise<Loaded> {
  const { loadTracked } = await import("../config/load.ts");
  const { realConfigReader: reader } = await import("../host/real-config-reader.ts");
  const { files, profiles } = globals;
  return await loadTracked({ cwd: process.cwd(), files, profiles, host, env: process.env, reader });
}

/** What reconcile/ works with. `report` is told what happens. */
export async function openMachinery(
  invocation: Invocation,
  project: Project,
  report: (event: Event) => void,
): Promise<Result<Machinery, Problems>> {
  const tools = openTools(project);
  if (!tools.ok) return tools;
  return success({ ...(await openMachineryOf(invocation, project, tools.value)), report });
}

/** The same with tools that are open already: their pavlosc shares the lock. Tells nobody what happens. */
export async function openMachineryOf(
  invocation: Invocation,
  { paths, identity }: Project,
  tools: RealTools,
): Promise<Machinery> {
  const { makeRegistry } = await import("../providers/registry.ts");
  const { providers, launcher } = makeRegistry(tools);
  const locker = makeLocker(tools.flock, tools.native.hold);
  const now = () => new Date();
  return {
    project: identity,
    providers,
    launcher,
    state: openProjectState(identity, { files: realFiles, locker, paths, now }),
    now,
    report: () => undefined,
    signal: invocation.interruption(),
  };
}

/** Writes what was pinned anew. */
export async function saveLock(project: Project): Promise<Result<void, Problems>> {
  const registry = await openRegistry(project);
  if (!registry.ok) return registry;
  const saved = registry.value.lockFile(project.identity.root).save();
  return saved.ok ? saved : failure([saved.failure]);
}

/** Makes the directories of the state, when something is about to be written there. */
export const makeStateDirectories = ({ paths }: Place): void => prepareState(realFiles, currentSelf(), paths);
