/**
 * Texts of /proc/driver/nvidia and /proc/devices, parsed. Pure. What is read at every start is taken apart
 * without regular expressions: V8 compiles each anew in every process, for longer than all the reading.
 */

/** The version in both forms of /proc/driver/nvidia/version, and of which kind the module is. */
export function parseVersion(
  text: string,
): { readonly version: string; readonly module: "open" | "proprietary" } | null {
  const line = text.split("\n").find((one) => one.startsWith("NVRM version:"));
  const version = /\s(\d+\.\d+(?:\.\d+)?)\s/.exec(`${line ?? ""} `)?.[1];
  if (line === undefined || version === undefined) return null;
  return { version, module: line.includes("Open Kernel Module") ? "open" : "proprietary" };
}

/** Character devices of /proc/devices: name -> major. */
export function parseDevices(text: string): ReadonlyMap<string, number> {
  const majors = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "Block devices:") break;
    const [major = "", name, more] = line.trim().split(" ");
    if (name !== undefined && more === undefined && isNumber(major)) majors.set(name, Number(major));
  }
  return majors;
}

export interface Information {
  readonly model: string;
  readonly uuid: string | null;
  readonly busId: string | null;
  readonly minor: number | null;
  readonly excluded: boolean;
}

/** /proc/driver/nvidia/gpus/<address>/information */
export function parseInformation(text: string): Information {
  const values = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) values.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const value = (name: string): string | null => values.get(name) ?? null;
  const uuid = value("GPU UUID");
  const minor = value("Device Minor");
  return {
    model: value("Model") ?? "unknown",
    uuid: uuid !== null && isUuid(uuid) ? uuid : null,
    busId: value("Bus Location"),
    minor: minor !== null && isNumber(minor) ? Number(minor) : null,
    excluded: value("GPU Excluded") === "Yes",
  };
}

export const isNumber = (text: string): boolean => text !== "" && consistsOf(text, "0123456789");

/** A GPU that was never opened has question marks. */
const isUuid = (text: string): boolean =>
  text.length === 40 && text.startsWith("GPU-") && consistsOf(text.slice(4), "0123456789abcdef-");

function consistsOf(text: string, characters: string): boolean {
  for (const character of text) if (!characters.includes(character)) return false;
  return true;
}

/** `gpu0/gi7/access 66` of /proc/driver/nvidia-caps/mig-minors. */
export function parseMigMinors(text: string): ReadonlyMap<string, number> {
  const minors = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [name, minor] = line.trim().split(/\s+/);
    if (name && minor !== undefined && /^\d+$/.test(minor)) minors.set(name, Number(minor));
  }
  return minors;
}

/** `DeviceFileMinor: 66` of an access file. */
export function parseAccess(text: string): number | null {
  const minor = /^DeviceFileMinor:\s*(\d+)/m.exec(text)?.[1];
  return minor === undefined ? null : Number(minor);
}
