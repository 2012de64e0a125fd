import { relative } from "node:path";
import type { Place } from "../model/source.ts";

/** "environments/api.yaml:7:11", relative to `base` where that is the shorter name. */
export function formatPlace(place: Place, base: string): string {
  return `${shortPath(place.file, base)}:${place.line}:${place.column}`;
}

/** The path relative to `base`, unless that climbs out further than it saves. */
export function shortPath(path: string, base: string): string {
  if (!path.startsWith("/")) return path;
  const short = relative(base, path);
  if (short === "") return ".";
  return short.startsWith("../../..") || short.length > path.length ? path : short;
}
