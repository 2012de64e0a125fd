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

/** Character devices of /proc/devices: the major by its name; null: there is none. */
export type Majors = (name: string) => number | null;

export function parseDevices(text: string): Majors {
  const end = text.indexOf("Block devices:");
  const devices = end < 0 ? `${text}\n` : text.slice(0, end);
  return (name) => {
    const at = devices.indexOf(` ${name}\n`);
    if (at < 0) return null;
    const major = devices.slice(devices.lastIndexOf("\n", at) + 1, at).trim();
    return isNumber(major) ? Number(major) : null;
  };
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
  const lines = `\n${text}\n`;
  const value = (name: string): string | null => {
    const at = lines.indexOf(`\n${name}:`);
    if (at < 0) return null;
    const from = at + name.length + 2;
    return lines.slice(from, lines.indexOf("\n", from)).trim();
  };
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

export function isNumber(text: string): boolean {
  for (const character of text) if (character < "0" || character > "9") return false;
  return text !== "";
}

/** A GPU that was never opened has question marks. */
function isUuid(text: string): boolean {
  for (const character of text.slice(4))
    if ((character < "0" || character > "9") && (character < "a" || character > "f") && character !== "-")
      return false;
  return text.length === 40 && text.startsWith("GPU-");
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
