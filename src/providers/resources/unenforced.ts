import type { Environment, Resources } from "../../model/environment.ts";
import type { HostFacts } from "../../model/host.ts";
import type { Notice } from "../../model/source.ts";

type Limit = "cpus" | "cpuset" | "cpuWeight" | "memory" | "swap" | "pids" | "io";

/** The controller that enforces each limit; `io` is called blkio in version 1. */
const controllers: Readonly<Record<Limit, readonly string[]>> = {
  cpus: ["cpu"],
  cpuset: ["cpuset"],
  cpuWeight: ["cpu"],
  memory: ["memory"],
  swap: ["memory"],
  pids: ["pids"],
  io: ["io", "blkio"],
};

const isLimit = (name: string): name is Limit => name in controllers;

/** Can this caller set that limit on this machine? */
export const isEnforced = (limit: Limit, host: HostFacts): boolean =>
  controllers[limit].some((name) => host.cgroup.controllers.includes(name));

/** The resources without those limits that nobody here can set. */
export function enforceable(resources: Resources, host: HostFacts): Resources {
  const kept = Object.entries(resources).map(([name, value]) => [
    name,
    isLimit(name) && !isEnforced(name, host) ? null : value,
  ]);
  return Object.fromEntries(kept) as Resources;
}

/** One notice for all limits of an environment that have no effect. */
export function unenforced(environment: Environment, host: HostFacts): readonly Notice[] {
  const names = (Object.keys(controllers) as Limit[]).filter(
    (name) => environment.resources[name] !== null && !isEnforced(name, host),
  );
  if (names.length === 0) return [];
  const missing = [...new Set(names.map((name) => controllers[name][0]))].join(" ");
  return [
    {
      code: "limit-not-enforced",
      environment: environment.name,
      message: `${names.map((name) => `resources.${name}`).join(", ")} cannot be enforced: nobody delegated the cgroup controllers ${missing} to ${host.caller.name}`,
      hint: delegation(host, missing),
    },
  ];
}

function delegation({ cgroup, caller }: HostFacts, missing: string): string {
  if (caller.uid === 0) return `boot the machine with the cgroup controllers ${missing}`;
  if (cgroup.version === 2)
    return `sudo mkdir -p /etc/systemd/system/user@.service.d && printf '[Service]\\nDelegate=${missing}\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && sudo systemctl daemon-reload; then log in again`;
  return "run pavlos as root, or use a machine with cgroup version 2 and systemd";
}
