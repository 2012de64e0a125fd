import type { Environment } from "../model/environment.ts";
import type { Contribution, OciMount } from "../providers/provider.ts";
import type { Identity } from "./identity.ts";

/**
 * All mounts in their order: the root filesystem, then what every container has, then the rest, so
 * that a project below /dev/shm or /tmp lies on top.
 */
export function mountsOf(
  environment: Environment,
  identity: Identity,
  contributions: readonly Contribution[],
): OciMount[] {
  const given = contributions.flatMap((part) => part.mounts ?? []);
  const root = given.filter((mount) => mount.destination === "/");
  const rest = given.filter((mount) => mount.destination !== "/");
  const ownNetwork = contributions.some((part) =>
    part.namespaces?.some((namespace) => namespace.type === "network"),
  );
  return [...root, ...systemMounts(environment, identity, ownNetwork), ...rest];
}

function systemMounts(environment: Environment, identity: Identity, ownNetwork: boolean): OciMount[] {
  const { isolation, resources, security } = environment;
  const quiet = ["nosuid", "noexec", "nodev"];
  const access = security.privileged ? "rw" : "ro";
  // A new sysfs belongs to a network namespace: without an own one (and the right to it) the host's is shown.
  const foreign = identity.mapping !== "none" && !ownNetwork;
  const sys: OciMount = foreign
    ? {
        destination: "/sys",
        type: "none",
        source: "/sys",
        options: ["rbind", "nosuid", "noexec", "nodev", "rro"],
      }
    : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...quiet, access] };
  const cgroup: OciMount = {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: [...quiet, "relatime", access],
  };
  return [
    procMount(isolation.pid, identity),
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    { destination: "/dev/pts", type: "devpts", source: "devpts", options: ptsOptions(identity) },
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: [...quiet, "mode=1777", `size=${resources.shm}`],
    },
    ...(isolation.ipc || identity.mapping === "none"
      ? [{ destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: quiet }]
      : []),
    sys,
    // The host's own view comes with the recursive bind; a cgroup namespace makes it the container's.
    ...(foreign && !isolation.cgroup ? [] : [cgroup]),
  ];
}

/** A new procfs needs an own pid namespace; without one the host's is shown as it is. */
function procMount(ownPid: boolean, identity: Identity): OciMount {
  const options = ["nosuid", "noexec", "nodev"];
  if (ownPid || identity.mapping === "none")
    return { destination: "/proc", type: "proc", source: "proc", options };
  return { destination: "/proc", type: "none", source: "/proc", options: ["rbind", ...options] };
}

/** Terminals belong to the group tty where that id exists inside. */
function ptsOptions(identity: Identity): string[] {
  const options = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"];
  const has = (id: number): boolean =>
    identity.mapping === "none" ||
    identity.gids.some((map) => id >= map.container && id < map.container + map.count);
  return has(5) ? [...options, "gid=5"] : options;
}
