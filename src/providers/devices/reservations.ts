import { readFileSync } from "node:fs";
import { isAlive, readContainerState } from "../../native/state.ts";
import { containersPath } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";

/**
 * Who uses which GPU: a file for each container in the directory of what does not survive a reboot. It
 * counts as long as the container lives, or whoever is just making it: a lock that dies with its holder.
 */
export interface Reservation {
  readonly container: string;
  readonly project: string;
  readonly environment: string;
  /** Keys, as in Attachment.gpus. */
  readonly gpus: readonly string[];
  readonly exclusive: boolean;
  /** The pavlos that makes or changes the container. */
  readonly claimer: { readonly pid: number; readonly startTime: number; readonly at: number };
}

type Place = Pick<Tools, "files" | "paths">;

/** Milliseconds in which a container is there or is not coming: `watch` lives on. */
const longestStart = 60_000;

const directoryOf = ({ paths }: Place): string => `${paths.run}/gpus`;
const fileOf = (place: Place, container: string): string => `${directoryOf(place)}/${container}.json`;

/** Those that count; of `except`, a container, nothing is looked at. */
export function reservations(place: Place, except: string | null = null): readonly Reservation[] {
  const { files, paths } = place;
  const names = files.list(directoryOf(place)) ?? [];
  return names.flatMap((name) => {
    if (!name.endsWith(".json") || name === `${except}.json`) return [];
    const reservation = parse(files.readText(`${directoryOf(place)}/${name}`));
    if (reservation === null) return [];
    const state = readContainerState(files, containersPath(paths), reservation.container);
    const { claimer } = reservation;
    const isBeingMade = Date.now() - claimer.at < longestStart && isAlive(files, claimer);
    const holds = (state !== null && isAlive(files, state)) || isBeingMade;
    return holds ? [reservation] : [];
  });
}

/**
 * Writes that a container has these GPUs; in the way is who must not be disturbed, or disturbs. Written first
 * and looked then: of two that claim the same at once (projects share no lock), one at least sees the other.
 */
export async function reserve(
  place: Place,
  wanted: Omit<Reservation, "claimer">,
): Promise<{ readonly holder: Reservation; readonly gpu: string } | null> {
  const { files } = place;
  const path = fileOf(place, wanted.container);
  const before = files.readText(path);
  files.makeDirectory(directoryOf(place), 0o700);
  files.replace(path, JSON.stringify({ ...wanted, claimer: self() }));
  const conflict = conflictOf(place, wanted);
  if (conflict === null) return null;
  if (before === null) await files.remove(path);
  else files.replace(path, before);
  return conflict;
}

/** Who stands in the way; null: nobody. */
export function conflictOf(
  place: Place,
  wanted: Pick<Reservation, "container" | "gpus" | "exclusive">,
  others = reservations(place, wanted.container),
): { readonly holder: Reservation; readonly gpu: string } | null {
  for (const holder of others) {
    if (holder.container === wanted.container || !(holder.exclusive || wanted.exclusive)) continue;
    const gpu = holder.gpus.find((key) => wanted.gpus.includes(key));
    if (gpu !== undefined) return { holder, gpu };
  }
  return null;
}

export const release = (place: Place, container: string): Promise<void> =>
  place.files.remove(fileOf(place, container));

function self(): Reservation["claimer"] {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { pid: process.pid, startTime: Number(fields[19]), at: Date.now() };
}

function parse(text: string | null): Reservation | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Reservation;
    return Array.isArray(value.gpus) && typeof value.container === "string" ? value : null;
  } catch {
    // Half a file is nobody's: they are written as a whole.
    return null;
  }
}
