import type { Files } from "../../host/files.ts";
import type { InstanceRecord, Process } from "../../model/instance.ts";
import { isAlive, readContainerState } from "../../native/state.ts";
import { containersPath, environmentPaths } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";

/** How the containers are, from a few small files each: no process is started. */
export function readProcess(tools: Tools, projectId: string, record: InstanceRecord): Process {
  const { files, paths } = tools;
  const state = readContainerState(files, containersPath(paths), record.containerId);
  if (state !== null && isAlive(files, state))
    return {
      status: state.started ? "running" : "starting",
      pid: state.pid,
      startedAt: state.created,
      exitCode: null,
      killed: false,
    };
  const ended = readStatus(files, environmentPaths(paths, projectId, record.name).status);
  if (ended !== null) return ended;
  if (state === null) return { status: "missing", pid: null, startedAt: null, exitCode: null, killed: false };
  // Nobody wrote down how it ended: its supervisor was killed with it.
  return { status: "failed", pid: null, startedAt: state.created, exitCode: null, killed: true };
}

/** status.json, as the supervisor writes it; null: the container has not ended by itself. */
function readStatus(files: Files, path: string): Process | null {
  const text = files.readText(path);
  if (text === null) return null;
  try {
    const status = JSON.parse(text) as Readonly<Record<string, unknown>>;
    const exitCode = typeof status.exitCode === "number" ? status.exitCode : null;
    const requested = status.requested === true;
    return {
      status: requested || exitCode === 0 ? "stopped" : "failed",
      pid: null,
      startedAt: typeof status.startedAt === "string" ? status.startedAt : null,
      exitCode,
      killed: typeof status.signal === "number" && !requested,
      requested,
    };
  } catch {
    // Written atomically, so this is not the supervisor's: as if it were not there.
    return null;
  }
}
