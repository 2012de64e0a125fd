import type { Drift } from "../../../model/instance.ts";
import type { Observed } from "../../provider.ts";
import type { Tools } from "../../tools.ts";
import { keptKey } from "../store/base.ts";
import { digestOf, keyOf } from "./digests.ts";

/** A file without a pinned digest that is another than the root was made from. */
export async function observeArchives(
  tools: Tools,
  instances: readonly Observed[],
): Promise<ReadonlyMap<string, ReadonlyMap<string, Drift>>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record } of instances) {
    const { rootfs } = record.spec;
    if (rootfs.kind !== "archive" || rootfs.sha256 !== null) continue;
    if (/^https?:/.test(rootfs.archive) || keyOf(rootfs.archive) === null) continue;
    const used = keptKey(record.provider.rootfs);
    const now = used === null ? null : await digestOf(tools, rootfs.archive);
    if (now === used) continue;
    const drift: Drift = {
      live: `${rootfs.archive} with sha256 ${used}`,
      reason: "the archive has changed",
      impact: "recreate",
    };
    drifts.set(record.name, new Map([["rootfs.archive", drift]]));
  }
  return drifts;
}
