import { join } from "node:path";
import { type MountEntry, parseMountinfo } from "../../host/mountinfo.ts";
import { trees } from "../../host/trees.ts";
import type { Environment } from "../../model/environment.ts";
import type { Identity } from "../../oci/identity.ts";
import { type EnvironmentPaths, environmentPaths } from "../../state/paths.ts";
import type { Context, Contribution, OciMount } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { hiddenPaths, isBelow, passwordFiles, withoutHashes } from "./hidden.ts";
import { type HostLayout, type HostView, hostLayout, type Part, type TopEntry } from "./host-layout.ts";
import { layerName, makeLayer, overlayMount } from "./layers.ts";

/** The host's own root under the environment's writable layers; see docs/rootfs.md. */
export function hostContribution(
  tools: Tools,
  environment: Environment,
  { identity, context }: { readonly identity: Identity; readonly context: Context },
): Contribution {
  const own = environmentPaths(tools.paths, context.project.id, environment.name);
  const inUserNamespace = identity.mapping !== "none";
  const view = readView(own.upper);
  const layout = hostLayout(view, { readonly: environment.readonly, inUserNamespace });
  if (layout.unsupported !== null && !environment.readonly) report(context, environment, layout.unsupported);
  if (!layout.whole) makeSkeleton(own, layout);
  const parts = layout.parts.map((part): OciMount => {
    if (part.kind === "shown") return shown(part.point);
    makeLayer(own, part.layer);
    return overlayMount(own, part.layer, inUserNamespace);
  });
  const closed = closePasswords(own, layout.parts);
  const opened = openPlaces(tools, environment, { own, context, layout });
  return {
    mounts: [...parts, ...temporary(identity), ...opened],
    maskedPaths: [...hiddenPaths(environment, tools.host.caller, tools.paths), ...closed],
    workdir: context.project.root,
    ...(layout.whole ? {} : { rootPath: join(own.bundle, "rootfs") }),
    keep: { unsupported: layout.unsupported },
  };
}

export function readMounts(): readonly MountEntry[] {
  return parseMountinfo(trees.readThrough("/proc/self/mountinfo") ?? "");
}

function readView(upper: string): HostView {
  const top = trees.list("/").map((name): TopEntry => {
    const path = join("/", name);
    const target = trees.linkTarget(path);
    const kind = target !== null ? "link" : trees.isDirectory(path) ? "directory" : "other";
    return { name, kind, target };
  });
  return { top, mounts: readMounts(), isDirectory: trees.isDirectory, upper };
}

function report(context: Context, environment: Environment, type: string): void {
  const notice = {
    code: "root-not-writable",
    environment: environment.name,
    message: `Pavlos's data directory is on ${type}, which cannot hold a writable layer: the host's directories are read-only inside`,
    hint: "set PAVLOS_HOME to a directory on ext4, xfs, btrfs or tmpfs",
  };
  context.report({ kind: "notice", notice });
}

/** An empty root with the host's links (bin -> usr/bin) and a place for each mount. */
function makeSkeleton({ bundle }: EnvironmentPaths, layout: HostLayout): void {
  const root = join(bundle, "rootfs");
  trees.makeDirectory(root, 0o755);
  const points = layout.parts.map((part) => (part.kind === "layer" ? part.layer.point : part.point));
  for (const point of [...points, "/home", "/media", "/mnt", "/run", "/tmp"])
    trees.makeDirectory(join(root, point), 0o755);
  trees.makeDirectory(join(root, "root"), 0o700);
  for (const [name, target] of Object.entries(layout.links)) trees.makeLink(target, join(root, name));
}

const shown = (point: string): OciMount => ({
  destination: point,
  type: "none",
  source: point,
  options: ["rbind", "rprivate", "rro"],
});

/** Fresh /run and /tmp: no sockets of the host's services or the caller's agents. */
function temporary({ user }: Identity): readonly OciMount[] {
  const owner = user.uid === null ? [] : [`uid=${user.uid}`, `gid=${user.gid ?? 0}`];
  const options = ["nosuid", "nodev"];
  return [
    { destination: "/run", type: "tmpfs", source: "tmpfs", options: [...options, "mode=755", ...owner] },
    // Where /var/lock leads to: programs expect it to be there.
    { destination: "/run/lock", type: "tmpfs", source: "tmpfs", options: [...options, "mode=1777"] },
    { destination: "/tmp", type: "tmpfs", source: "tmpfs", options: [...options, "mode=1777"] },
  ];
}

/**
 * Copies of shadow and gshadow without their hashes, where this caller could read them. Gives the
 * paths that must be hidden because no writable layer is there to hold the copy.
 */
function closePasswords(own: EnvironmentPaths, parts: readonly Part[]): readonly string[] {
  const holder = parts.findLast((part) => part.kind === "layer" && isBelow("/etc", part.layer.point));
  return passwordFiles.filter((path) => {
    const text = trees.readThrough(path);
    if (text === null) return false;
    if (holder?.kind !== "layer") return true;
    const { point } = holder.layer;
    const upper = join(own.upper, layerName(point));
    const below = point === "/" ? path : path.slice(point.length);
    if (trees.stats(join(upper, below)) !== null) return false;
    if (point === "/") trees.makeLike(join(upper, "etc"), "/etc");
    trees.writePublic(join(upper, below), withoutHashes(text), 0o640);
    trees.copyOwner(join(upper, below), path);
    return false;
  });
}

interface Opening {
  readonly own: EnvironmentPaths;
  readonly context: Context;
  readonly layout: HostLayout;
}

/** Private directories in place of shared ones, then what the caller works with. */
function openPlaces(
  { host }: Tools,
  { readonly }: Environment,
  { own, context, layout }: Opening,
): readonly OciMount[] {
  const { caller } = host;
  const wanted = [...(bindsHome(caller.home, caller.uid) ? [caller.home] : []), context.project.root];
  const binds = wanted.filter(
    (path, index) => path !== "/" && !wanted.some((other, at) => at < index && isBelow(path, other)),
  );
  // The skeleton's own /home and /root are private already.
  const closed = layout.whole ? ["/root", "/home"] : [];
  const replaced = closed.map((point) => {
    const source = join(own.upper, `private${layerName(point)}`);
    trees.makeLike(source, point);
    for (const path of binds) {
      if (isBelow(path, point)) trees.makeDirectory(join(source, path.slice(point.length)), 0o755);
    }
    return bind(source, point, readonly ? ["ro"] : []);
  });
  const scratch = join(own.upper, "private-var-tmp");
  trees.makeDirectory(scratch, 0o1777);
  return [...replaced, bind(scratch, "/var/tmp", []), ...binds.map((path) => bind(path, path, []))];
}

/** Root's home is not shown: what is in it is the machine's. */
const bindsHome = (home: string, uid: number): boolean =>
  uid !== 0 && home !== "/" && trees.stats(home)?.uid === uid;

const bind = (source: string, destination: string, options: readonly string[]): OciMount => ({
  destination,
  type: "none",
  source,
  options: ["rbind", "rprivate", "nosuid", "nodev", ...options],
});
