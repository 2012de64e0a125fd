import { readHostFacts } from "../host/facts.ts";
import { realFiles } from "../host/real-files.ts";
import { currentSelf } from "../host/self.ts";
import type { Event } from "../model/event.ts";
import type { HostFacts } from "../model/host.ts";
import type { Desired, ProjectIdentity } from "../model/project.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { findNative } from "../native/find.ts";
import { makeNative, type RealNative } from "../native/native.ts";
import type { Registry } from "../providers/registry.ts";
import type { Tools } from "../providers/tools.ts";
import type { Loaded, Machinery } from "../reconcile/api.ts";
import { nativeFlock } from "../state/flock.ts";
import { locateState, prepareState } from "../state/locate.ts";
import { makeLocker } from "../state/lock.ts";
import { containersPath, type StatePaths } from "../state/paths.ts";
import { openProjectState } from "../state/project.ts";
import type { Invocation } from "./invocation.ts";

type Problems = readonly Problem[];

/** This machine, for this caller: what every command on a project begins with. */
export interface Place {
  readonly host: HostFacts;
  readonly paths: StatePaths;
}

/** A project, and where its state lies. The files may be broken or gone. */
export interface Project extends Place {
  readonly identity: ProjectIdentity;
}

/** A project whose files were read. */
export interface LoadedProject extends Project {
  readonly desired: Desired;
}

/** Reads this machine and where the state lies. */
export function openPlace(): Result<Place, Problems> {
  const self = currentSelf();
  const host = readHostFacts(realFiles, self);
  const paths = locateState(realFiles, self, host.caller.home);
  return paths.ok ? success({ host, paths: paths.value }) : failure([paths.failure]);
}

/** Finds and loads the files of the project that the caller stands in. */
export async function openProject(invocation: Invocation): Promise<Result<LoadedProject, Problems>> {
  const place = openPlace();
  if (!place.ok) return place;
  const { result } = await loadFiles(invocation, place.value.host);
  if (!result.ok) return result;
  return success({ ...place.value, identity: result.value.project, desired: result.value });
}

/** Reads the files, and tells which they are even when something is wrong with them. */
export async function loadFiles({ globals }: Invocation, host: HostFacts): Promise<Loaded> {
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

/** The tools of this machine. */
type RealTools = Tools & { readonly native: RealNative; readonly binary: string };

/** The providers, and the path of pavlosc that they call. */
export async function openRegistry(
  place: Place,
): Promise<Result<Registry & Pick<RealNative, "hold"> & { readonly binary: string }, Problems>> {
  const tools = openTools(place);
  if (!tools.ok) return tools;
  const { makeRegistry } = await import("../providers/registry.ts");
  const { binary, native } = tools.value;
  return success({ ...makeRegistry(tools.value), binary, hold: native.hold });
}

/** What providers work with. */
export function openTools({ host, paths }: Place): Result<RealTools, Problems> {
  const binary = findNative(realFiles, process.env);
  if (!binary.ok) return failure([binary.failure]);
  const native = makeNative(binary.value, { root: containersPath(paths), scope: host.cgroup.scope });
  const flock = nativeFlock(binary.value);
  return success({ host, paths, files: realFiles, native, flock, env: process.env, binary: binary.value });
}

/** Makes the directories of the state, when something is about to be written there. */
export const makeStateDirectories = ({ paths }: Place): void => prepareState(realFiles, currentSelf(), paths);
