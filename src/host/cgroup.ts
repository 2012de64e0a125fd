import { join } from "node:path";
import type { CgroupFacts } from "../model/host.ts";
import type { Files } from "./files.ts";
import { isInPath, reachable, type Self } from "./self.ts";

/**
 * Which controllers this caller can limit. Root uses the top of each hierarchy; everybody else may
 * only make groups below the own one, where somebody delegated it, or in a scope of the user's systemd.
 */
export function readCgroupFacts(files: Files, self: Self): CgroupFacts {
  const mounts = cgroupMounts(files.readText("/proc/self/mountinfo") ?? "");
  const own = ownGroups(files.readText("/proc/self/cgroup") ?? "");
  const version = versionOf(mounts);
  const controllers = new Set<string>();
  for (const mount of mounts) {
    const group = self.uid === 0 ? "/" : (own.get(mount.controllers[0] ?? "") ?? "/");
    const directory = join(mount.point, belowRoot(group, mount.root));
    if (!files.writable(directory)) continue;
    for (const controller of mount.version === 1 ? mount.controllers : unified(files, directory)) {
      controllers.add(controller);
    }
  }
  const [only] = mounts;
  if (self.uid === 0 || version !== 2 || controllers.size > 0 || only === undefined)
    return { controllers: [...controllers].sort(), version, scope: [] };
  return { ...userScope(files, self, only.point), version };
}

/** A login session's own group belongs to root; that of the user's service manager is the user's. */
function userScope(files: Files, self: Self, point: string): Pick<CgroupFacts, "controllers" | "scope"> {
  const { uid, env } = self;
  const manager = join(point, `user.slice/user-${uid}.slice/user@${uid}.service`);
  const controllers = unified(files, manager);
  const runtime = env.XDG_RUNTIME_DIR || `/run/user/${uid}`;
  const answers = reachable(files, join(runtime, "systemd/private")) !== null;
  if (controllers.length === 0 || !answers || !isInPath(files, self, "systemd-run"))
    return { controllers: [], scope: [] };
  const scope = "systemd-run --user --scope --quiet --collect -p Delegate=yes --".split(" ");
  const named = env.XDG_RUNTIME_DIR ? scope : ["env", `XDG_RUNTIME_DIR=${runtime}`, ...scope];
  return { controllers: [...controllers].sort(), scope: named };
}

interface CgroupMount {
  readonly version: 1 | 2;
  readonly point: string;
  /** The part of the hierarchy that is mounted there. */
  readonly root: string;
  /** Version 1 only. */
  readonly controllers: readonly string[];
}

/** Of mountinfo: `36 31 0:37 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids`. */
function cgroupMounts(mountinfo: string): readonly CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split("\n")) {
    const [left, right] = line.split(" - ");
    if (left === undefined || right === undefined || !right.startsWith("cgroup")) continue;
    const [type, , options = ""] = right.split(" ");
    const [, , , root = "/", point = ""] = left.split(" ");
    if (type === "cgroup2") mounts.push({ version: 2, point, root, controllers: [] });
    else if (type === "cgroup" && !options.includes("name="))
      mounts.push({
        version: 1,
        point,
        root,
        controllers: options.split(",").filter((word) => known.has(word)),
      });
  }
  return mounts;
}

const known = new Set(
  "cpu cpuacct cpuset memory pids blkio devices freezer hugetlb net_cls net_prio perf_event rdma misc".split(
    " ",
  ),
);

/** By controller, "" for version 2: the group of this process. */
function ownGroups(text: string): ReadonlyMap<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, controllers, ...path] = line.split(":");
    if (controllers === undefined) continue;
    for (const controller of controllers.split(",")) groups.set(controller, path.join(":"));
  }
  return groups;
}

const belowRoot = (group: string, root: string): string =>
  root !== "/" && (group === root || group.startsWith(`${root}/`)) ? group.slice(root.length) : group;

/** Controllers that can be handed to a new group in this directory. */
function unified(files: Files, directory: string): readonly string[] {
  if (!files.writable(join(directory, "cgroup.subtree_control"))) return [];
  return (files.readText(join(directory, "cgroup.controllers")) ?? "")
    .split(/\s+/)
    .filter((name) => name !== "");
}

function versionOf(mounts: readonly CgroupMount[]): CgroupFacts["version"] {
  const one = mounts.some((mount) => mount.version === 1);
  const two = mounts.some((mount) => mount.version === 2);
  if (one && two) return "hybrid";
  if (two) return 2;
  return one ? 1 : "none";
}
