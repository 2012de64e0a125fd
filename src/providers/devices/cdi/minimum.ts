import type { Cdi, CdiEdits } from "../../../oci/cdi.gen.ts";
import { compareVersions } from "../nvidia/versions.ts";

/** A part that older versions do not have. */
export interface Newer {
  readonly version: string;
  readonly part: string;
}

/** What needs a newer version than the file says it has: readers of that version would pass it over. */
export function newerThanSaid(cdi: Cdi): Newer | null {
  const edits = [cdi.containerEdits ?? {}, ...cdi.devices.map(({ containerEdits }) => containerEdits)];
  const newer = [...partsOfFile(cdi), ...edits.flatMap(partsOfEdits)].filter(
    ({ version }) => compareVersions(version, cdi.cdiVersion) > 0,
  );
  return newer.toSorted((left, right) => compareVersions(right.version, left.version))[0] ?? null;
}

function partsOfFile({ kind, annotations, devices }: Cdi): readonly Newer[] {
  const parts: Newer[] = [];
  if (annotations !== undefined || devices.some((device) => device.annotations !== undefined))
    parts.push({ version: "0.6.0", part: "annotations" });
  if (kind.split("/")[1]?.includes(".")) parts.push({ version: "0.6.0", part: "a dot in the class" });
  const digit = devices.find(({ name }) => /^\d/.test(name));
  if (digit !== undefined) parts.push({ version: "0.5.0", part: `the name ${digit.name}` });
  return parts;
}

function partsOfEdits(edits: CdiEdits): readonly Newer[] {
  const parts: Newer[] = [];
  const { deviceNodes = [], mounts = [], intelRdt } = edits;
  if (edits.netDevices !== undefined) parts.push({ version: "1.1.0", part: "netDevices" });
  if (intelRdt?.schemata !== undefined || intelRdt?.enableMonitoring !== undefined)
    parts.push({ version: "1.1.0", part: "schemata or enableMonitoring" });
  if (intelRdt !== undefined) parts.push({ version: "0.7.0", part: "intelRdt" });
  if (edits.additionalGids !== undefined) parts.push({ version: "0.7.0", part: "additionalGids" });
  if (deviceNodes.some(({ hostPath }) => hostPath !== undefined))
    parts.push({ version: "0.5.0", part: "hostPath of a device node" });
  if (mounts.some(({ type }) => type !== undefined))
    parts.push({ version: "0.4.0", part: "type of a mount" });
  return parts;
}
