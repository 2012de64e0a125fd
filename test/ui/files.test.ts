import { expect, it } from "vitest";
import type { FileChange, RootChanges } from "../../src/model/files.ts";
import { groupFiles, renderGroups } from "../../src/ui/files.ts";
import { plain } from "../../src/ui/terminal.ts";

const file = (change: FileChange["change"], path: string, more: Partial<FileChange> = {}): FileChange => ({
  path,
  change,
  kind: "file",
  bytes: 1024,
  differs: [],
  from: null,
  ...more,
});

it("tells of packages, edits, new directories and what is gone, each in its own section", () => {
  const files = [
    file("changed", "/etc/fstab", { differs: ["content", "mode"] }),
    file("removed", "/etc/motd"),
    file("added", "/opt/app", { kind: "directory", bytes: 0 }),
    file("added", "/opt/app-notes"),
    file("added", "/opt/app/lib", { kind: "directory", bytes: 0 }),
    file("added", "/opt/app/lib/x"),
    file("added", "/opt/app/y"),
    file("added", "/srv/new", { kind: "directory", bytes: 0, from: "/srv/old" }),
    file("added", "/usr/bin/tree"),
    file("changed", "/var/lib/dpkg/status"),
  ];
  const changes: RootChanges = {
    files,
    packages: [
      { manager: "dpkg", name: "tree", from: null, to: "2.1" },
      { manager: "dpkg", name: "nano", from: "7", to: null },
    ],
    owners: new Map([["/usr/bin/tree", 0]]),
  };
  const grouped = groupFiles(changes, (path) => path.startsWith("/var/lib/dpkg/"));
  expect(renderGroups(grouped, plain).join("\n")).toMatchInlineSnapshot(`
    "  packages
        + tree 2.1                                  1 file, 1 KiB
        - nano 7
      edited
        ~ /etc/fstab                                1 KiB, mode
      added
        + /opt/app/                                 2 files, 2 KiB
        + /opt/app-notes                            1 KiB
        + /srv/new/                                 0 files, 0 B, was /srv/old/
      removed
        - /etc/motd
      also
        ~ files of package managers and of Pavlos   1 file, 1 KiB"
  `);
});
