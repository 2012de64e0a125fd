import type { Drift } from "../../../model/instance.ts";
import type { Context, Observed } from "../../provider.ts";
import type { Stacks } from "../stacks.ts";
import { keptKey } from "../store/base.ts";

/** Environments whose build would give something else now: what a copy step copies has changed, or the root below. */
export function observeBuilds(
  stacks: Pick<Stacks, "key">,
  instances: readonly Observed[],
  context: Context,
): ReadonlyMap<string, ReadonlyMap<string, Drift>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record } of instances) {
    const { rootfs } = record.spec;
    if (rootfs.kind !== "build" && rootfs.kind !== "named") continue;
    const used = keptKey(record.provider.rootfs);
    const now = stacks.key({ environment: record.spec, rootfs, context });
    if (used === null || now === null || now === used) continue;
    const [path, reason] =
      rootfs.kind === "build"
        ? ["rootfs.steps", "what it is built from has changed"]
        : ["rootfs.named", "the root of that name is another now"];
    drifts.set(record.name, new Map([[path, { live: used.slice(0, 12), reason, impact: "recreate" }]]));
  }
  return drifts;
}
