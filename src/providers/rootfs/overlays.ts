import { join } from "node:path";
import type { Files } from "../../host/files.ts";

/** A place in a container that is written to, as its bundle mounts it. */
export interface WritablePart {
  /** Absolute, inside: "/", "/usr", "/var/tmp". */
  readonly point: string;
  readonly upper: string;
  /** Topmost first; empty: a directory of the environment's own, under which is nothing. */
  readonly lowers: readonly string[];
}

/** What of the bundle's mounts keeps its data below `upper`; the bundle is what the kernel was told. */
export const writableParts = (files: Files, bundle: string, upper: string): readonly WritablePart[] =>
  mountsOf(files, bundle).flatMap((mount) => partOf(mount, upper) ?? []);

/** Absolute paths inside at which something is mounted: what is below them is an empty place for that. */
export const mountPoints = (files: Files, bundle: string): ReadonlySet<string> =>
  new Set(mountsOf(files, bundle).map(({ destination }) => destination));

function mountsOf(files: Files, bundle: string): readonly BundleMount[] {
  const text = files.readText(join(bundle, "config.json"));
  if (text === null) return [];
  const { mounts = [] }: { mounts?: readonly BundleMount[] } = JSON.parse(text);
  return mounts;
}

interface BundleMount {
  readonly destination: string;
  readonly type?: string;
  readonly source?: string;
  readonly options?: readonly string[];
}

function partOf({ destination, type, source, options = [] }: BundleMount, own: string): WritablePart | null {
  if (type !== "overlay")
    return source?.startsWith(`${own}/`) ? { point: destination, upper: source, lowers: [] } : null;
  const upper = options.find((option) => option.startsWith("upperdir="))?.slice("upperdir=".length);
  if (upper === undefined) return null;
  const lowers = options
    .filter((option) => /^lowerdir\+?=/.test(option))
    .flatMap((option) => paths(option.slice(option.indexOf("=") + 1)));
  return { point: destination, upper: paths(upper).join(":"), lowers };
}

/** A list separated by `:`, in which a backslash protects what follows. */
function paths(list: string): readonly string[] {
  const found = [""];
  for (const [piece = ""] of list.matchAll(/\\.|[^\\]/gs)) {
    if (piece === ":") found.push("");
    else found[found.length - 1] += piece.length === 2 && piece.startsWith("\\") ? piece.slice(1) : piece;
  }
  return found;
}
