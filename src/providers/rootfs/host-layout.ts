import type { MountEntry } from "../../host/mountinfo.ts";
import { isBelow } from "./hidden.ts";
import type { Layer } from "./layers.ts";

/** An entry of the host's / . */
export interface TopEntry {
  readonly name: string;
  readonly kind: "directory" | "link" | "other";
  /** Of a link. */
  readonly target: string | null;
}

export interface HostView {
  readonly top: readonly TopEntry[];
  readonly mounts: readonly MountEntry[];
  /** Is a mount point a directory? */
  readonly isDirectory: (point: string) => boolean;
  /** Where the writable layers would be. */
  readonly upper: string;
}

export interface LayoutOptions {
  /** No writable layers are wanted. */
  readonly readonly: boolean;
  readonly inUserNamespace: boolean;
}

/** How the host's root becomes an environment's. */
export interface HostLayout {
  /** One overlay over / itself; else a skeleton in which each directory of / is mounted. */
  readonly whole: boolean;
  /** In mount order: below each other last. */
  readonly parts: readonly Part[];
  /** Links of / to make in the skeleton, by name. */
  readonly links: Readonly<Record<string, string>>;
  /** The writable layers cannot be where Pavlos keeps them: the file system's type; null: they can. */
  readonly unsupported: string | null;
}

export type Part =
  | { readonly kind: "layer"; readonly layer: Layer }
  /** A recursive read-only bind of the same path. */
  | { readonly kind: "shown"; readonly point: string };

/**
 * Decides between overlays and read-only binds. Root lays one overlay over / and one over each file
 * system below it. In a user namespace the mounts below / are locked, so an overlay over / is refused
 * (EINVAL): each directory of / gets its own, or a bind when something is mounted in it. Pure.
 */
export function hostLayout(view: HostView, options: LayoutOptions): HostLayout {
  const unsupported = unsupportedUpper(view.mounts, view.upper);
  const overlays = unsupported === null && !options.readonly;
  if (!options.inUserNamespace && unsupported === null) {
    const below = submounts(view).map((point) => part(view, point, overlays));
    return { whole: true, parts: [layer("/"), ...below], links: {}, unsupported: null };
  }
  const directories = view.top.filter(
    (entry) => entry.kind === "directory" && !skipped.has(`/${entry.name}`),
  );
  const parts = directories.map(({ name }): Part => {
    const point = `/${name}`;
    const holdsMounts = view.mounts.some((entry) => entry.point.startsWith(`${point}/`));
    return overlays && !holdsMounts ? layer(point) : { kind: "shown", point };
  });
  const links = view.top.flatMap(({ kind, name, target }) =>
    kind === "link" && target !== null ? [[name, target] as const] : [],
  );
  return { whole: false, parts, links: Object.fromEntries(links), unsupported };
}

/** Directories of / that are made anew, or hold nothing of the system. */
const skipped = new Set([
  "/boot",
  "/dev",
  "/home",
  "/lost+found",
  "/media",
  "/mnt",
  "/proc",
  "/root",
  "/run",
  "/sys",
  "/tmp",
]);

/** Stores of container engines mount a file system per container: none of our business. */
const engines = ["containerd", "containers", "docker", "kubelet", "lxc", "lxcfs", "pavlos", "private"];
const passedOver = [...skipped, "/var/tmp", ...engines.map((name) => `/var/lib/${name}`)];

const realTypes = new Set(
  "9p bcachefs btrfs erofs ext2 ext3 ext4 f2fs jfs nfs nfs4 overlay squashfs virtiofs xfs zfs".split(" "),
);

/** Never a writable layer of an overlay: no marks, or no atomic exchange. */
const noUpper =
  /^(overlay|aufs|nfs4?|cifs|smb3|9p|virtiofs|fuse.*|vfat|exfat|msdos|ecryptfs|squashfs|erofs)$/;

const layer = (point: string): Part => ({ kind: "layer", layer: { point, lowers: [point], model: point } });

function submounts({ mounts, upper }: HostView): readonly string[] {
  const points = mounts
    .filter(({ point, type }) => point !== "/" && realTypes.has(type))
    .filter(({ point }) => !passedOver.some((directory) => isBelow(point, directory)))
    // Inside the writable layers' own place there are only overlays of ours.
    .filter(({ point }) => !isBelow(point, upper))
    .map(({ point }) => point);
  return [...new Set(points)].sort();
}

/** A file is mounted on a file: there is nothing to lay an overlay over. */
function part(view: HostView, point: string, overlays: boolean): Part {
  const readonlyType = view.mounts.some(
    (entry) => entry.point === point && (entry.type === "squashfs" || entry.type === "erofs"),
  );
  return overlays && !readonlyType && view.isDirectory(point) ? layer(point) : { kind: "shown", point };
}

/** Type of the file system that would hold writable layers, when it cannot; null: it can. */
export function unsupportedUpper(mounts: readonly MountEntry[], directory: string): string | null {
  const type = fileSystemOf(mounts, directory);
  return type !== null && noUpper.test(type) ? type : null;
}

/** Type of the file system that holds a path; null: unknown. */
export function fileSystemOf(mounts: readonly MountEntry[], path: string): string | null {
  const covering = mounts.filter(({ point }) => isBelow(path, point));
  const longest = Math.max(...covering.map(({ point }) => point.length));
  return covering.findLast(({ point }) => point.length === longest)?.type ?? null;
}
