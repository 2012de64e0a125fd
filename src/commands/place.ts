import { readHostFacts } from "../host/facts.ts";
import { realFiles } from "../host/real-files.ts";
import { currentSelf } from "../host/self.ts";
import type { HostFacts } from "../model/host.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { findNative } from "../native/find.ts";
import { makeNative, type RealNative } from "../native/native.ts";
import type { Registry } from "../providers/registry.ts";
import type { Tools } from "../providers/tools.ts";
import { nativeFlock } from "../state/flock.ts";
import { locateState } from "../state/locate.ts";
import { type LockFile, openLockFile } from "../state/lock-file/lock-file.ts";
import { containersPath, type StatePaths } from "../state/paths.ts";

type Problems = readonly Problem[];

/** This machine, for this caller: what every command on a project begins with. */
export interface Place {
  readonly host: HostFacts;
  readonly paths: StatePaths;
}

/** Reads this machine and where the state lies. */
export function openPlace(): Result<Place, Problems> {
  const self = currentSelf();
  const host = readHostFacts(realFiles, self);
  const paths = locateState(realFiles, self, host.caller.home);
  return paths.ok ? success({ host, paths: paths.value }) : failure([paths.failure]);
}

/** The providers, and what they work with. */
export interface OpenRegistry extends Registry, Pick<RealNative, "hold"> {
  /** Path of pavlosc. */
  readonly binary: string;
  /** pavlos.lock of the project with this root. */
  readonly lockFile: (root: string) => LockFile;
}

export async function openRegistry(place: Place): Promise<Result<OpenRegistry, Problems>> {
  const tools = openTools(place);
  if (!tools.ok) return tools;
  const { makeRegistry } = await import("../providers/registry.ts");
  const { binary, native, lockFile } = tools.value;
  return success({ ...makeRegistry(tools.value), binary, hold: native.hold, lockFile });
}

/** The tools of this machine. */
export type RealTools = Tools & { readonly native: RealNative; readonly binary: string };

const opened = new WeakMap<HostFacts, Result<RealTools, Problems>>();

/** What providers work with; the same for all that is done at one place. */
export function openTools(place: Place): Result<RealTools, Problems> {
  const there = opened.get(place.host) ?? makeTools(place);
  opened.set(place.host, there);
  return there;
}

function makeTools({ host, paths }: Place): Result<RealTools, Problems> {
  const binary = findNative(realFiles, process.env);
  if (!binary.ok) return failure([binary.failure]);
  const native = makeNative(binary.value, { root: containersPath(paths), scope: host.cgroup.scope });
  const flock = nativeFlock(binary.value);
  const lockFile = lockFiles();
  const more = { lockFile, env: process.env, binary: binary.value };
  return success({ host, paths, files: realFiles, native, flock, ...more });
}

/** One for each root: what a provider pins, the command saves. */
function lockFiles(): Tools["lockFile"] {
  const open = new Map<string, LockFile>();
  return (root) => {
    const there = open.get(root) ?? openLockFile(realFiles, root);
    open.set(root, there);
    return there;
  };
}
