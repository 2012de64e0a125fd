/** One line of /proc/PID/mountinfo. */
export interface MountEntry {
  /** Absolute path where it is mounted, decoded. */
  readonly point: string;
  /** "ext4", "overlay". */
  readonly type: string;
  readonly source: string;
  readonly readonly: boolean;
}

/** All mounts, in the order in which they were made: of two at one point the later one is seen. */
export function parseMountinfo(text: string): readonly MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split("\n")) {
    const [left, right] = line.split(" - ");
    if (left === undefined || right === undefined) continue;
    const [, , , , point = "", options = ""] = left.split(" ");
    const [type = "", source = ""] = right.split(" ");
    entries.push({
      point: decode(point),
      type,
      source: decode(source),
      readonly: options.split(",").includes("ro"),
    });
  }
  return entries;
}

/** The kernel writes space, tab, newline and backslash as octal. */
const decode = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
