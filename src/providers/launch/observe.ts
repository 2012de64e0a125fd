import { trees } from "../../host/trees.ts";
import type { Environment } from "../../model/environment.ts";
import type { Drift } from "../../model/instance.ts";
import { readHostnames } from "../../native/live.ts";
import { boundingSet, capabilitiesOf } from "../../oci/capabilities.ts";
import { identityOf } from "../../oci/identity.ts";
import type { Observed } from "../provider.ts";
import type { Tools } from "../tools.ts";

type Drifts = ReadonlyMap<string, ReadonlyMap<string, Drift>>;

/** What the kernel says of a command and its init, where that is not what was applied. */
export async function observeProcesses(tools: Tools, instances: readonly Observed[]): Promise<Drifts> {
  const named = instances.filter(({ record }) => record.spec.isolation.uts);
  const hostnames = await readHostnames(
    tools.native,
    named.map(({ record }) => record.containerId),
  );
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record, process } of instances) {
    if (process.pid === null) continue;
    const found = new Map([
      ...namespaceDrift(tools, record.spec, process.pid),
      ...privilegeDrift(tools, record.spec, process.pid),
    ]);
    const hostname = hostnames.get(record.containerId);
    if (hostname !== undefined && hostname !== record.spec.hostname)
      found.set("hostname", { live: hostname, reason: outside });
    if (found.size > 0) drifts.set(record.name, found);
  }
  return drifts;
}

const outside = "changed outside Pavlos";
const other = "its process is not as it was started";

const kinds = { pid: "pid", uts: "uts", ipc: "ipc", cgroup: "cgroup", time: "time" } as const;

function* namespaceDrift(
  { files, host }: Tools,
  environment: Environment,
  pid: number,
): Generator<readonly [string, Drift]> {
  const shared = (kind: string): boolean | null => {
    const theirs = trees.linkTarget(`/proc/${pid}/ns/${kind}`);
    return theirs === null ? null : theirs === trees.linkTarget(`/proc/self/ns/${kind}`);
  };
  for (const [field, kind] of Object.entries(kinds)) {
    const isShared = shared(kind);
    const wanted = environment.isolation[field as keyof typeof kinds];
    if (isShared === null || isShared !== wanted) continue;
    yield [`isolation.${field}`, { live: !wanted, reason: other, impact: "restart" }];
  }
  const identity = identityOf(environment, host);
  const map = files.readText(`/proc/${pid}/uid_map`);
  if (!identity.ok || map === null || identity.value.mapping === "none") return;
  const live = map.trim().split("\n").map(fieldsOf).sort().join("; ");
  const wanted = identity.value.uids.map((row) => `${row.container} ${row.host} ${row.count}`).sort();
  // Inside another user namespace the kernel counts in that one's ids.
  if (live === wanted.join("; ") || files.readText("/proc/self/uid_map")?.trim() !== everyone) return;
  yield ["isolation.user", { live, reason: other, impact: "restart" }];
}

const fieldsOf = (line: string): string => line.trim().split(/\s+/).join(" ");
const everyone = "0          0 4294967295";

/** More than was given: less is the command's own business. */
function* privilegeDrift(
  { files }: Tools,
  environment: Environment,
  pid: number,
): Generator<readonly [string, Drift]> {
  const { security } = environment;
  const command = commandOf(files, environment, pid);
  const status = command === null ? null : files.readText(`/proc/${command}/status`);
  if (status === null || security.privileged) return;
  const number = (key: string): number => Number(new RegExp(`^${key}:\\s*(\\d+)`, "m").exec(status)?.[1]);
  if (security.seccomp !== "unconfined" && number("Seccomp") === 0)
    yield ["security.seccomp", { live: "unconfined", reason: other, impact: "restart" }];
  if (security.noNewPrivileges && number("NoNewPrivs") === 0)
    yield ["security.noNewPrivileges", { live: false, reason: other, impact: "restart" }];
  const allowed = capabilitiesOf(security, true).bounding ?? [];
  const surplus = boundingSet(status).filter((name) => !allowed.includes(`CAP_${name}`));
  if (surplus.length > 0)
    yield ["security.capabilities.add", { live: surplus, reason: other, impact: "restart" }];
}

/** Below a small init the command is its first child; null: there is none, or it cannot be told. */
function commandOf(files: Tools["files"], { init, command }: Environment, pid: number): number | null {
  if (command.length === 0) return null;
  if (!init) return pid;
  const [first] = files.readText(`/proc/${pid}/task/${pid}/children`)?.split(" ") ?? [];
  return first ? Number(first) : null;
}
