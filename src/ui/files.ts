import type { FileChange, PackageChange, RootChanges } from "../model/files.ts";
import type { Style } from "./terminal.ts";
import { approximateBytes } from "./values.ts";

/** One line of what was changed in a root: a package, a file, or a directory with all that is new in it. */
export interface FileGroup {
  readonly change: FileChange["change"];
  readonly what: string;
  /** "12 files, 3 MiB", "mode", "was /old". */
  readonly note: string;
}

export interface Grouped {
  readonly packages: readonly FileGroup[];
  readonly edited: readonly FileGroup[];
  readonly added: readonly FileGroup[];
  readonly removed: readonly FileGroup[];
  /** What package managers and Pavlos wrote for themselves; null: nothing. */
  readonly state: FileGroup | null;
}

/** Groups changes as a person would tell of them. Pure. `isMachinery`: nothing that anybody edits. */
export function groupFiles(
  { files, packages, owners }: RootChanges,
  isMachinery: (path: string) => boolean,
): Grouped {
  const own = files.filter((file) => isMachinery(file.path));
  const rest = files.filter((file) => !isMachinery(file.path));
  const loose = rest.filter((file) => !owners.has(file.path));
  return {
    packages: packages.map((change, index) =>
      packageGroup(
        change,
        rest.filter((file) => owners.get(file.path) === index),
      ),
    ),
    edited: loose.filter((file) => file.change === "changed").map(fileGroup),
    added: addedGroups(loose.filter((file) => file.change === "added")),
    removed: loose.filter((file) => file.change === "removed").map(fileGroup),
    state:
      own.length === 0
        ? null
        : { change: "changed", what: "files of package managers and of Pavlos", note: size(own) },
  };
}

/** The lines below an environment's name. */
export function renderGroups(grouped: Grouped, style: Style): readonly string[] {
  const { packages, edited, added, removed, state } = grouped;
  const sections: readonly [string, readonly FileGroup[]][] = [
    ["packages", packages],
    ["edited", edited],
    ["added", added],
    ["removed", removed],
    ["also", state === null ? [] : [state]],
  ];
  const all = sections.flatMap(([, groups]) => groups);
  const width = Math.max(0, ...all.map(({ what }) => what.length)) + 3;
  return sections.flatMap(([title, groups]) =>
    groups.length === 0
      ? []
      : [style("bold", `  ${title}`), ...groups.map((group) => line(group, width, style))],
  );
}

const symbols = {
  added: { text: "+", color: "green" },
  changed: { text: "~", color: "cyan" },
  removed: { text: "-", color: "red" },
} as const;

function line({ change, what, note }: FileGroup, width: number, style: Style): string {
  const { text, color } = symbols[change];
  return `    ${style(color, text)} ${what.padEnd(width)}${style("gray", note)}`.trimEnd();
}

function packageGroup({ name, from, to }: PackageChange, files: readonly FileChange[]): FileGroup {
  const note = files.length === 0 ? "" : size(files);
  if (from === null) return { change: "added", what: `${name} ${to}`, note };
  if (to === null) return { change: "removed", what: `${name} ${from}`, note };
  return { change: "changed", what: `${name} ${from} -> ${to}`, note };
}

function fileGroup({ change, path, kind, bytes, differs }: FileChange): FileGroup {
  const what = `${path}${kind === "directory" ? "/" : ""}`;
  if (change === "removed") return { change, what, note: "" };
  const how = differs.filter((field) => field !== "content").join(", ");
  return {
    change,
    what,
    note: [kind === "file" ? approximateBytes(bytes) : "", how].filter(Boolean).join(", "),
  };
}

/** A new directory is one line with all that is in it; a new file in an old directory a line of its own. */
function addedGroups(files: readonly FileChange[]): readonly FileGroup[] {
  const directories = new Set(files.filter(({ kind }) => kind === "directory").map(({ path }) => path));
  const below = new Map<string, FileChange[]>();
  const tops: FileChange[] = [];
  for (const file of files) {
    const top = topOf(file.path, directories);
    if (top === null) tops.push(file);
    else below.get(top)?.push(file) ?? below.set(top, [file]);
  }
  return tops.map((file) => {
    if (file.kind !== "directory") return fileGroup(file);
    const note = [size(below.get(file.path) ?? []), file.from === null ? "" : `was ${file.from}/`];
    return { change: "added", what: `${file.path}/`, note: note.filter(Boolean).join(", ") };
  });
}

/** The uppermost of the new directories that a path lies in. */
function topOf(path: string, directories: ReadonlySet<string>): string | null {
  for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) {
    if (directories.has(path.slice(0, end))) return path.slice(0, end);
  }
  return null;
}

function size(all: readonly FileChange[]): string {
  const files = all.filter(({ kind }) => kind !== "directory");
  const bytes = files.filter(({ change }) => change !== "removed").reduce((sum, file) => sum + file.bytes, 0);
  return `${files.length} ${files.length === 1 ? "file" : "files"}, ${approximateBytes(bytes)}`;
}
