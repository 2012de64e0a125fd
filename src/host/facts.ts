import { cpus, release, totalmem, userInfo } from "node:os";
import type { Caller, HostFacts, IdRange } from "../model/host.ts";
import { readCgroupFacts } from "./cgroup.ts";
import type { Files } from "./files.ts";
import { isInPath, reachable, type Self } from "./self.ts";

/** Reads the facts about this machine once; a few small files. */
export function readHostFacts(files: Files, self: Self): HostFacts {
  return {
    kernel: release(),
    arch: process.arch,
    cpus: countProcessors(files.readText("/sys/devices/system/cpu/online") ?? "") || cpus().length,
    memory: totalmem(),
    caller: readCaller(files, self),
    cgroup: readCgroupFacts(files, self),
  };
}

/**
 * How many a list of the kernel's ("0-3,6") names; 0 when it is none. Node's own count reads the clock of
 * each processor, which takes a tenth of a millisecond for every one.
 */
export function countProcessors(list: string): number {
  let count = 0;
  for (const range of list.trim().split(",")) {
    const [first = Number.NaN, last = first] = range
      .split("-")
      .map((end) => (end === "" ? Number.NaN : Number(end)));
    if (!(last >= first)) return 0;
    count += last - first + 1;
  }
  return count;
}

export function readCaller(files: Files, self: Self): Caller {
  const account = accountOf(files, self.uid);
  const home = homeOf(files, self) ?? account.home;
  const owners = [account.name, String(self.uid)];
  return {
    uid: self.uid,
    gid: self.gid,
    name: account.name,
    group: groupName(files, self.gid),
    home,
    shell: account.shell,
    subuids: idRanges(files.readText("/etc/subuid") ?? "", owners),
    subgids: idRanges(files.readText("/etc/subgid") ?? "", owners),
    mapHelpers: ["newuidmap", "newgidmap"].every((helper) => isInPath(files, self, helper)),
  };
}

interface Account {
  readonly name: string;
  readonly home: string;
  readonly shell: string;
}

/** /etc/passwd, and for users that it does not know (LDAP, sssd) the C library's answer. */
function accountOf(files: Files, uid: number): Account {
  for (const line of lines(files.readText("/etc/passwd"))) {
    const [name, , id, , , home, shell] = line.split(":");
    if (name && id === String(uid)) return { name, home: home || "/", shell: shell || "/bin/sh" };
  }
  try {
    const info = userInfo();
    if (info.uid === uid) return { name: info.username, home: info.homedir, shell: info.shell ?? "/bin/sh" };
  } catch {
    // Nobody knows this uid: a number is a name too.
  }
  return { name: String(uid), home: "/", shell: "/bin/sh" };
}

function groupName(files: Files, gid: number): string {
  for (const line of lines(files.readText("/etc/group"))) {
    const [name, , id] = line.split(":");
    if (name && id === String(gid)) return name;
  }
  return String(gid);
}

/** $HOME counts when it is the caller's own: `su` and `sudo` leave another's behind. */
function homeOf(files: Files, self: Self): string | null {
  const home = self.env.HOME;
  if (home === undefined || !home.startsWith("/")) return null;
  return reachable(files, home)?.uid === self.uid ? home : null;
}

/** Lines `owner:start:count` of /etc/subuid; the owner is a name or a uid. */
export function idRanges(text: string, owners: readonly string[]): readonly IdRange[] {
  const ranges: IdRange[] = [];
  for (const line of lines(text)) {
    const [owner, start, count] = line.split(":");
    if (owner === undefined || !owners.includes(owner)) continue;
    const range = { start: Number(start), count: Number(count) };
    if (Number.isInteger(range.start) && Number.isInteger(range.count) && range.count > 0) ranges.push(range);
  }
  return ranges;
}

const lines = (text: string | null): readonly string[] =>
  (text ?? "").split("\n").filter((line) => line !== "" && !line.startsWith("#"));
