import { describe, expect, it } from "vitest";
import { readCgroupFacts } from "../../src/host/cgroup.ts";
import { countProcessors, idRanges, readCaller, readHostFacts } from "../../src/host/facts.ts";
import { realFiles } from "../../src/host/real-files.ts";
import { currentSelf } from "../../src/host/self.ts";
import { memoryFiles } from "./support/memory-files.ts";

function machine(texts: Record<string, string>, directories: readonly string[] = []) {
  const files = memoryFiles();
  for (const [path, text] of Object.entries(texts)) {
    files.makeDirectory(path.slice(0, path.lastIndexOf("/")), 0o755);
    files.texts.set(path, text);
  }
  for (const path of directories) {
    files.makeDirectory(path, 0o755);
    files.directories.set(path, { uid: 1000, mode: 0o755 });
  }
  return files;
}

const accounts = {
  "/etc/passwd": "root:x:0:0:root:/root:/bin/bash\nme:x:1000:1000:Me:/home/me:/bin/zsh\n",
  "/etc/group": "root:x:0:\nstaff:x:1000:me\n",
  "/etc/subuid": "other:1:1\nme:100000:65536\n1000:300000:10\n# me:1:1\nme:bad:1\n",
  "/etc/subgid": "me:200000:65536\n",
  "/usr/bin/newuidmap": "",
  "/usr/bin/newgidmap": "",
};
const me = (env: Record<string, string> = {}) => ({
  uid: 1000,
  gid: 1000,
  env: { PATH: "/bin:/usr/bin", ...env },
});

describe("the caller", () => {
  it("is read from the accounts of the machine", () => {
    expect(readCaller(machine(accounts), me())).toEqual({
      uid: 1000,
      gid: 1000,
      name: "me",
      group: "staff",
      home: "/home/me",
      shell: "/bin/zsh",
      subuids: [
        { start: 100000, count: 65536 },
        { start: 300000, count: 10 },
      ],
      subgids: [{ start: 200000, count: 65536 }],
      mapHelpers: true,
    });
  });

  it("has the home of $HOME only when that is the caller's own", () => {
    const files = machine(accounts, ["/tmp/home"]);
    expect(readCaller(files, me({ HOME: "/tmp/home" })).home).toBe("/tmp/home");
    expect(readCaller(files, me({ HOME: "/usr/bin" })).home).toBe("/home/me");
    expect(readCaller(files, me({ HOME: "home" })).home).toBe("/home/me");
  });

  it("is read also with a PATH and a HOME of root's that it may not look into", () => {
    const files = machine(accounts);
    const refuse = (path: string) => {
      if (path.startsWith("/root/")) throw Object.assign(new Error("denied"), { code: "EACCES" });
      return files.status(path);
    };
    const caller = readCaller(
      { ...files, status: refuse },
      me({ PATH: "/root/bin:/usr/bin", HOME: "/root/x" }),
    );
    expect(caller).toMatchObject({ home: "/home/me", mapHelpers: true });
  });

  it("has a name also when nobody knows the uid", () => {
    expect(readCaller(machine({}), { uid: 54321, gid: 54321, env: {} })).toMatchObject({
      name: "54321",
      group: "54321",
      shell: "/bin/sh",
      subuids: [],
      mapHelpers: false,
    });
  });

  it("needs both helpers to map ids", () => {
    const { "/usr/bin/newgidmap": _, ...without } = accounts;
    expect(readCaller(machine(without), me()).mapHelpers).toBe(false);
  });

  it("owns the ranges of its name and of its number", () => {
    expect(idRanges("me:1:2\n1000:3:4\nyou:5:6\nme:7:0", ["me", "1000"])).toEqual([
      { start: 1, count: 2 },
      { start: 3, count: 4 },
    ]);
  });
});

describe("cgroups", () => {
  const v2 = {
    "/proc/self/mountinfo": "30 23 0:27 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw\n",
    "/proc/self/cgroup": "0::/user.slice/me\n",
  };
  const delegated = {
    "/sys/fs/cgroup/user.slice/me/cgroup.controllers": "memory pids\n",
    "/sys/fs/cgroup/user.slice/me/cgroup.subtree_control": "",
  };

  it("of version 2 are the user's where they are delegated", () => {
    expect(readCgroupFacts(machine({ ...v2, ...delegated }), me())).toEqual({
      controllers: ["memory", "pids"],
      version: 2,
      scope: [],
    });
  });

  it("of version 2 are nobody's where they are not", () => {
    expect(readCgroupFacts(machine(v2), me())).toEqual({ controllers: [], version: 2, scope: [] });
  });

  it("of version 2 are in a scope of the user's systemd where the session's group is root's", () => {
    const manager = "/sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service";
    const systemd = {
      [`${manager}/cgroup.controllers`]: "cpu memory pids\n",
      [`${manager}/cgroup.subtree_control`]: "",
      "/run/user/1000/systemd/private": "",
      "/usr/bin/systemd-run": "",
    };
    const scope = "systemd-run --user --scope --quiet --collect -p Delegate=yes --".split(" ");
    const session = me({ XDG_RUNTIME_DIR: "/run/user/1000" });
    expect(readCgroupFacts(machine({ ...v2, ...systemd }), session)).toEqual({
      controllers: ["cpu", "memory", "pids"],
      version: 2,
      scope,
    });
    expect(readCgroupFacts(machine({ ...v2, ...systemd }), me()).scope).toEqual([
      "env",
      "XDG_RUNTIME_DIR=/run/user/1000",
      ...scope,
    ]);
    const { "/usr/bin/systemd-run": _, ...without } = systemd;
    expect(readCgroupFacts(machine({ ...v2, ...without }), session).controllers).toEqual([]);
  });

  it("of version 1 and hybrid hosts count by hierarchy", () => {
    const files = machine(
      {
        "/proc/self/mountinfo": [
          "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct",
          "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
          "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd",
          "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw",
        ].join("\n"),
        "/proc/self/cgroup": "4:memory:/mine\n1:cpu,cpuacct:/\n0::/\n",
      },
      ["/sys/fs/cgroup/memory/mine"],
    );
    expect(readCgroupFacts(files, me())).toEqual({ controllers: ["memory"], version: "hybrid", scope: [] });
  });

  it("are seen below the part of a hierarchy that is mounted", () => {
    const files = machine(
      {
        "/proc/self/mountinfo": "35 31 0:32 /box /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n",
        "/proc/self/cgroup": "4:memory:/box/mine\n",
      },
      ["/sys/fs/cgroup/memory/mine"],
    );
    expect(readCgroupFacts(files, me())).toEqual({ controllers: ["memory"], version: 1, scope: [] });
  });

  it("may be missing altogether", () => {
    expect(readCgroupFacts(memoryFiles(), { ...me(), uid: 0 })).toEqual({
      controllers: [],
      version: "none",
      scope: [],
    });
  });
});

it("this machine has a kernel, processors, memory and a caller", () => {
  const facts = readHostFacts(realFiles, currentSelf());
  expect(facts.kernel).toMatch(/^\d+\.\d+/);
  expect(facts.cpus).toBeGreaterThan(0);
  expect(facts.memory).toBeGreaterThan(1024 ** 2);
  expect(facts.caller.uid).toBe(process.getuid?.());
});

it.each([
  ["0-127\n", 128],
  ["0\n", 1],
  ["0-3,6,8-9\n", 7],
  ["", 0],
  ["\n", 0],
  ["0-", 0],
  ["all", 0],
])("processors of the list %j", (list, count) => {
  expect(countProcessors(list)).toBe(count);
});
