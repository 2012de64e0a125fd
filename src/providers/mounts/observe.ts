import type { Files } from "../../host/files.ts";
import { parseMountinfo } from "../../host/mountinfo.ts";
import type { Drift } from "../../model/instance.ts";
import type { Observed } from "../provider.ts";

/** Mounts of the record that the container's init does not see any more, or sees writable. */
export function observeMounts(
  files: Files,
  instances: readonly Observed[],
): ReadonlyMap<string, ReadonlyMap<string, Drift>> {
  const drifts = new Map<string, ReadonlyMap<string, Drift>>();
  for (const { record, process } of instances) {
    if (record.spec.mounts.length === 0 || process.pid === null) continue;
    const text = files.readText(`/proc/${process.pid}/mountinfo`);
    if (text === null) continue;
    const seen = new Map(parseMountinfo(text).map((entry) => [entry.point, entry]));
    const missing = record.spec.mounts.findIndex((mount) => !seen.has(mount.target));
    if (missing >= 0)
      drifts.set(
        record.name,
        new Map([
          [
            `mounts[${missing}]`,
            { live: undefined, reason: "unmounted outside Pavlos", impact: "restart" as const },
          ],
        ]),
      );
  }
  return drifts;
}
