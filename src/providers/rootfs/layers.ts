import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { OciMount } from "../provider.ts";

/** One overlay of an environment. */
export interface Layer {
  /** Where it is mounted inside: "/", "/usr". */
  readonly point: string;
  /** Absolute paths of the trees below it, topmost first. */
  readonly lowers: readonly string[];
  /** The tree whose top directory is what is seen at the point. */
  readonly model: string;
}

/** The directories of an environment that hold its writable layers. */
export interface LayerPlaces {
  readonly upper: string;
  readonly work: string;
}

/** Name of a layer's directory in upper/ and work/: the path inside without slashes. */
export const layerName = (point: string): string =>
  point === "/" ? "root" : point.slice(1).replaceAll("%", "%25").replaceAll("/", "%2F");

/** Makes upper and work directories; the upper's top looks like the lower's, because it is what is seen. */
export function makeLayer(places: LayerPlaces, { point, model }: Layer): void {
  trees.makeLike(join(places.upper, layerName(point)), model);
  trees.makeDirectory(join(places.work, layerName(point)), 0o700);
}

/** The mount of a layer. In a user namespace the kernel takes its marks only as user attributes. */
export function overlayMount(places: LayerPlaces, layer: Layer, inUserNamespace: boolean): OciMount {
  const [upper, work] = [places.upper, places.work].map((directory) =>
    join(directory, layerName(layer.point)),
  );
  return {
    destination: layer.point,
    type: "overlay",
    source: "overlay",
    options: [
      `lowerdir=${layer.lowers.map(escapedPath).join(":")}`,
      `upperdir=${escapedPath(upper ?? "")}`,
      `workdir=${escapedPath(work ?? "")}`,
      ...(inUserNamespace ? ["userxattr"] : []),
    ],
  };
}

export const escapedPath = (path: string): string => path.replaceAll(/[\\:,]/g, "\\$&");
