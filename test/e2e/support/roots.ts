import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readlinkSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "./world.ts";

export const applets = [
  "sh",
  "true",
  "false",
  "echo",
  "sleep",
  "cat",
  "ls",
  "id",
  "mount",
  "touch",
  "stat",
  "env",
  "ps",
  "hostname",
  "stty",
  "kill",
  "grep",
  "head",
  "tail",
  "test",
  "mkdir",
  "rm",
  "ln",
  "nproc",
  "tty",
  "readlink",
  "wc",
  "chown",
  "dd",
  "seq",
  "wget",
  "nc",
  "nslookup",
  "timeout",
];

/** A root directory of a static busybox in the project of the world; returns its path. */
export function busyboxRoot(world: World, name = "root"): string {
  const root = join(world.project, name);
  for (const directory of ["bin", "dev", "proc", "sys", "tmp", "etc", "root", "var/tmp", "usr/bin"]) {
    mkdirSync(join(root, directory), { recursive: true });
  }
  chmodSync(join(root, "tmp"), 0o1777);
  copyFileSync(busybox(), join(root, "bin/busybox"));
  for (const applet of applets) symlinkSync("busybox", join(root, "bin", applet));
  writeFileSync(
    join(root, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n",
  );
  writeFileSync(join(root, "etc/group"), "root:x:0:\nnogroup:x:65534:\n");
  execFileSync("chown", ["-R", `${world.caller.uid}:${world.caller.gid}`, root]);
  return root;
}

/** The same as an archive, packed with the given option of tar (`-z`); returns its path. */
export function busyboxArchive(world: World, name: string, option: string): string {
  const root = busyboxRoot(world, `packed-${name}`);
  const archive = join(world.project, name);
  execFileSync("tar", [option, "--owner=0", "--group=0", "--numeric-owner", "-cf", archive, "-C", root, "."]);
  execFileSync("rm", ["-rf", root]);
  return archive;
}

/** Path of a statically linked busybox. Throws when there is none. */
export function busybox(): string {
  const found = execFileSync("sh", ["-c", "command -v busybox"], { encoding: "utf8" }).trim();
  const described = execFileSync("sh", ["-c", `ldd ${found} 2>&1 || true`], { encoding: "utf8" });
  if (!/not a dynamic|statically/.test(described))
    throw new Error("apt-get install busybox-static: the busybox found is not static");
  return found;
}

/** Inode of a namespace of a process, as the kernel prints it. */
export function namespace(pid: number, kind: string): string {
  return readlinkSync(`/proc/${pid}/ns/${kind}`);
}
