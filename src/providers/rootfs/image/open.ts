import { unreachable } from "../../../model/result.ts";
import { sourceKind, splitLocal } from "./name.ts";
import type { ImageSource } from "./source.ts";

/** What a source is opened with. */
export interface Opening {
  /** The full name. */
  readonly image: string;
  readonly insecure: boolean;
  readonly surroundings: Surroundings;
}

/** The machine and the moment, so that tests can be any. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
  /** Null: missing or not for this caller. */
  readonly readText: (path: string) => string | null;
  readonly list: (path: string) => readonly string[];
  readonly signal: AbortSignal;
  readonly sleep: (milliseconds: number) => Promise<void>;
  readonly now: () => number;
}

/** Opens whatever the name says an image comes from; only that code is loaded. */
export async function openSource(opening: Opening): Promise<ImageSource> {
  const { image } = opening;
  const kind = sourceKind(image);
  switch (kind) {
    case null:
      return await (await import("./registry/open.ts")).openRegistry(opening);
    case "simplestreams":
      return await openSimplestreams(opening);
    case "oci":
    case "oci-archive":
    case "docker-archive":
      return await openLocal(image, kind);
    default:
      return unreachable(kind);
  }
}

async function openLocal(
  image: string,
  kind: "oci" | "oci-archive" | "docker-archive",
): Promise<ImageSource> {
  const { directoryFiles, tarFiles } = await import("./local/files.ts");
  const { path, tag } = splitLocal(image);
  const files = kind === "oci" ? directoryFiles(path) : await tarFiles(path);
  if (kind === "docker-archive")
    return (await import("./local/docker-archive.ts")).makeDockerArchiveSource(image, files, tag);
  return (await import("./local/layout.ts")).makeLayoutSource(image, files, tag);
}

async function openSimplestreams({ image, insecure, surroundings }: Opening): Promise<ImageSource> {
  const [server = "", product = ""] = image.slice("simplestreams:".length).split("#");
  const { makeTransport } = await import("./registry/transport.ts");
  const transport = makeTransport({ ...surroundings, now: () => Date.now(), certificates: () => null });
  const { makeSimplestreamsSource } = await import("./simplestreams.ts");
  return makeSimplestreamsSource({ full: image, server, product, insecure, transport });
}
