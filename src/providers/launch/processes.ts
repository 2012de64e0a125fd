import type { InstanceRecord, Process } from "../../model/instance.ts";
import { type ContainerState, isAlive, readContainerState } from "../../native/state.ts";
import { readStatus, type SupervisorStatus } from "../../native/status.ts";
import { containersPath, environmentPaths } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";

/** How the containers are, from a few small files each: no process is started. */
export function readProcess(
  tools: Tools,
  projectId: string,
  record: Pick<InstanceRecord, "name" | "containerId" | "spec">,
): Process {
  const { files, paths } = tools;
  const state = readContainerState(files, containersPath(paths), record.containerId);
  const statusPath = environmentPaths(paths, projectId, record.name).status;
  if (state !== null && isAlive(files, state)) {
    // Without checks and restarts the supervisor has nothing to say before the end.
    const { health, restart } = record.spec;
    const watched = health !== null || restart.policy !== "never";
    return running(state, watched ? readStatus(files, statusPath) : null);
  }
  // Asked first: what a supervisor that is gone has written is its last word.
  const supervised = state?.supervisor ? isAlive(files, state.supervisor) : false;
  const status = readStatus(files, statusPath);
  if (status?.state === "waiting" && supervised) return { ...ended(status), status: "starting", waits: true };
  if (status?.state === "ended" || status?.state === "gave-up") return ended(status);
  if (state === null) return { ...nothing, status: "missing" };
  // Its supervisor is about to write down how it ended; a moment later it is known.
  if (supervised) return { ...running(state, status), ending: true };
  // Nobody wrote down how it ended: its supervisor was killed with it.
  return { ...nothing, status: "failed", startedAt: state.created, killed: true };
}

const nothing = { pid: null, startedAt: null, exitCode: null, killed: false } as const;

function running({ started, pid, created }: ContainerState, status: SupervisorStatus | null): Process {
  const sick = status?.health?.status === "unhealthy";
  // Its supervisor is just making it anew.
  const waits = !started && status?.state === "waiting";
  return {
    ...nothing,
    ...(waits ? { waits } : {}),
    status: started ? (sick ? "unhealthy" : "running") : "starting",
    pid,
    startedAt: created,
    ...(status?.health ? { health: status.health } : {}),
    ...(status && status.restarts > 0 ? { restarts: status.restarts, oom: status.oom } : {}),
  };
}

function ended(status: SupervisorStatus): Process {
  const { exitCode, requested, restarts, oom } = status;
  return {
    status: requested || exitCode === 0 ? "stopped" : "failed",
    pid: null,
    startedAt: status.startedAt,
    exitCode,
    killed: status.signal !== null && !requested,
    requested,
    oom,
    ...(restarts > 0 ? { restarts } : {}),
    ...(status.state === "gave-up" ? { gaveUp: true } : {}),
  };
}
