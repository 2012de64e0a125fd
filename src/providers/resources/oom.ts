import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import { failure, type Result } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { readContainerState } from "../../native/state.ts";
import { containersPath } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Container } from "../provider.ts";
import type { Tools } from "../tools.ts";

/** What the kernel takes first when memory ends: of a process, as it is now; undefined: it is gone. */
export function readOomScore(tools: Tools, pid: number): number | undefined {
  const text = tools.files.readText(`/proc/${pid}/oom_score_adj`);
  return text === null ? undefined : Number(text);
}

/** Sets it for all processes of the container; what they start later inherits it. */
export async function changeOomScore(
  { files, paths }: Tools,
  score: number,
  container: Container,
): Promise<Result<void, Problem>> {
  const state = readContainerState(files, containersPath(paths), container.id);
  const directory = state?.cgroup.pids ?? state?.cgroup[""] ?? Object.values(state?.cgroup ?? {})[0];
  const listed = directory === undefined ? null : files.readText(join(directory, "cgroup.procs"));
  if (listed === null)
    return failure({
      code: "not-changeable",
      message: "without a cgroup nobody knows which processes belong to it",
      place: null,
    });
  return attempt("resources.oomScore cannot be changed", () => {
    for (const pid of listed.split("\n").filter((line) => line !== ""))
      trees.writeKernel(`/proc/${pid}/oom_score_adj`, String(score));
  });
}
