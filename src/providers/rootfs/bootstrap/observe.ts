import type { Drift } from "../../../model/instance.ts";
import type { Observed } from "../../provider.ts";
import type { Tools } from "../../tools.ts";
import { keptKey } from "../store/base.ts";
import { currentKey, infoOf } from "./bootstrap.ts";

/** Environments on a distribution that `pavlos update` has installed anew since. */
export function observeBootstraps(
  tools: Tools,
  instances: readonly Observed[],
): ReadonlyMap<string, ReadonlyMap<string, Drift>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record } of instances) {
    const { rootfs } = record.spec;
    const used = keptKey(record.provider.rootfs);
    if (rootfs.kind !== "bootstrap" || used === null) continue;
    const now = currentKey(tools, rootfs);
    if (now === used) continue;
    const [before, after] = [used, now].map((key) => infoOf(tools, key));
    // What is not in the store would be installed, and nobody knows how.
    if (!after) continue;
    const drift: Drift = {
      live: `${rootfs.suite}${before ? ` of ${before.madeAt.slice(0, 10)}` : ", an earlier one"}`,
      reason: `it was updated${before ? `: ${changes(before.packages, after.packages)}` : ""}`,
      impact: "recreate",
    };
    drifts.set(record.name, new Map([["rootfs.suite", drift]]));
  }
  return drifts;
}

type Packages = Readonly<Record<string, string>>;

/** "git 1 -> 2, curl 7 -> 8 and 3 more" */
export function changes(before: Packages, after: Packages): string {
  const all = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .filter((name) => before[name] !== after[name])
    .map((name) => `${name} ${before[name] ?? "(none)"} -> ${after[name] ?? "(none)"}`);
  const more = all.length > 3 ? ` and ${all.length - 3} more` : "";
  return `${all.slice(0, 3).join(", ")}${more}`;
}
