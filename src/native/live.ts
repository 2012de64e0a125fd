import type { OciDevice, OciDeviceRule } from "../oci/oci-runtime.gen.ts";
import { asNativeError, errorOf, type Native, type NativeError, type NativeOutcome } from "./native.ts";

/** A mount to add to, remove from or replace in a running container (docs/pavlosc.md, "Live changes"). */
export interface MountRequest {
  /** Of the container. */
  readonly id: string;
  /** add: on top of what is there. remove: nothing mounted there is fine. replace: add or replace. */
  readonly action: "add" | "remove" | "replace";
  /** Absolute, inside. */
  readonly target: string;
  /** Default: a bind of `source`. */
  readonly type?: "bind" | "tmpfs";
  /** Of a bind: absolute, on the host. */
  readonly source?: string;
  /** As in config.json. */
  readonly options?: readonly string[];
  /** Changes nothing: only says whether a removal would be possible now. */
  readonly check?: boolean;
}

/** Device nodes and rules of one running container, all of it or nothing. */
export interface DeviceRequest {
  readonly id: string;
  readonly add?: readonly OciDevice[];
  readonly remove?: readonly OciDevice[];
  /** Symbolic links; what else is at their place is an error. */
  readonly link?: readonly LiveLink[];
  readonly unlink?: readonly LiveLink[];
  /** Directories of libraries that the loader inside is to know; without names: to forget. */
  readonly loader?: readonly { readonly directory: string; readonly names: readonly string[] }[];
  /** Libraries that an image may bring for CUDA, and the driver they are for; without one: to forget. */
  readonly compat?: { readonly directory: string; readonly driver?: string };
  /** linux.resources.devices as it is to be, as a whole; absent: unchanged. Passed over without root. */
  readonly rules?: readonly OciDeviceRule[];
  readonly check?: boolean;
}

export interface LiveLink {
  readonly path: string;
  readonly target: string;
}

/** Why a request was not done; nothing of it was, then. */
export interface LiveFailure {
  readonly error: NativeError;
  /** Processes in the container that use what was to go away; empty: it failed for another reason. */
  readonly holders: readonly Holder[];
  /** What was to go away is in use. */
  readonly busy: boolean;
}

export interface Holder {
  /** On the host. */
  readonly pid: number;
  readonly name: string;
}

/** Carries out the requests, each container's in order; null: done. One process for all. */
export const changeMounts = (
  native: Native,
  requests: readonly MountRequest[],
): Promise<readonly (LiveFailure | null)[]> => ask(native, "mount", requests);

/** The same for devices. */
export const changeDevices = (
  native: Native,
  requests: readonly DeviceRequest[],
): Promise<readonly (LiveFailure | null)[]> => ask(native, "device", requests);

/** New host names; the files in /etc are the caller's. */
export const changeHostnames = (
  native: Native,
  requests: readonly { readonly id: string; readonly hostname: string }[],
): Promise<readonly (LiveFailure | null)[]> => ask(native, "hostname", requests);

/** By container id, those that run. One process for all. */
export async function readHostnames(
  native: Native,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const { stdout } = await native.run(["hostname", "--show", ...ids]);
  return new Map(
    stdout.split("\n").flatMap((text): (readonly [string, string])[] => {
      if (!text.startsWith("{")) return [];
      const { id, hostname } = JSON.parse(text) as { readonly id: string; readonly hostname: string };
      return [[id, hostname]];
    }),
  );
}

async function ask(
  native: Native,
  verb: "mount" | "device" | "hostname",
  requests: readonly object[],
): Promise<readonly (LiveFailure | null)[]> {
  if (requests.length === 0) return [];
  const outcome = await native.run([verb], { input: JSON.stringify(requests) });
  const lines = linesOf(outcome);
  return requests.map((_, index) => {
    const line = lines.get(index);
    if (line === undefined) return { error: errorOf(outcome), holders: [], busy: false };
    const error = asNativeError(line.error);
    if (error === null) return null;
    return { error, holders: line.holders ?? [], busy: error.errno === EBUSY };
  });
}

const EBUSY = 16;

interface Line {
  readonly index: number;
  readonly error?: unknown;
  readonly holders?: readonly Holder[];
}

function linesOf({ stdout }: NativeOutcome): ReadonlyMap<number, Line> {
  const lines = new Map<number, Line>();
  for (const text of stdout.split("\n")) {
    try {
      const line = JSON.parse(text) as Line;
      if (typeof line.index === "number") lines.set(line.index, line);
    } catch {
      // Cut off, or no line of ours: what has no answer is answered by the outcome's error.
    }
  }
  return lines;
}
