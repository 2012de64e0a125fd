import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { changeHostnames } from "../../native/live.ts";
import { problemOf } from "../../native/native.ts";
import { changeConfig } from "../config-file.ts";
import type { Context } from "../provider.ts";
import type { Tools } from "../tools.ts";

export interface Naming {
  readonly name: string;
  readonly hostname: string;
  readonly containerId: string;
}

/** A running container's name: in the kernel, and for its next run. */
export async function changeHostname(
  tools: Tools,
  { name, hostname, containerId }: Naming,
  context: Context,
): Promise<Result<void, Problem>> {
  const [failed] = await changeHostnames(tools.native, [{ id: containerId, hostname }]);
  if (failed) return failure(problemOf(failed.error, `the host name of ${name} cannot be changed`));
  const kept = await changeConfig(tools, { name, context }, (config) => ({ ...config, hostname }));
  return kept.ok ? success(undefined) : kept;
}
