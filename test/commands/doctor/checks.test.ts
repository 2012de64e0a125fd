import { describe, expect, it } from "vitest";
import type { Finding, Machine } from "../../../src/commands/doctor/check.ts";
import { checks } from "../../../src/commands/doctor/checks.ts";

/** An ordinary user on a machine where all is well. */
const healthy: Machine = {
  facts: {
    kernel: "6.8.0-45-generic",
    arch: "x64",
    cpus: 4,
    memory: 8 * 1024 ** 3,
    caller: {
      uid: 1000,
      gid: 1000,
      name: "ada",
      group: "ada",
      home: "/home/ada",
      shell: "/bin/bash",
      subuids: [{ start: 100000, count: 65536 }],
      subgids: [{ start: 100000, count: 65536 }],
      mapHelpers: true,
    },
    cgroup: { version: 2, controllers: ["cpu", "memory", "pids"], scope: [] },
  },
  read: (path) =>
    ({
      "/proc/filesystems": "nodev\toverlay\n",
      "/proc/sys/kernel/seccomp/actions_avail": "kill errno allow",
    })[path] ?? null,
  free: () => 20 * 1024 ** 3,
  writable: () => true,
  tryNamespace: () => null,
  blockers: [],
  runtime: { path: "/opt/pavlos/pavlosc" },
  state: { data: "/home/ada/.local/share/pavlos", run: "/run/user/1000/pavlos" },
};

const look = (machine: Machine): ReadonlyMap<string, Finding> =>
  new Map(checks.map((check) => check(machine)).map((finding) => [finding.name, finding]));

const withFiles = (files: Readonly<Record<string, string>>): Machine => ({
  ...healthy,
  read: (path) => files[path] ?? healthy.read(path),
});
const withCaller = (caller: Partial<Machine["facts"]["caller"]>): Machine => ({
  ...healthy,
  facts: { ...healthy.facts, caller: { ...healthy.facts.caller, ...caller } },
});

it("finds nothing wrong where nothing is", () => {
  expect([...look(healthy).values()].filter(({ status }) => status !== "ok")).toEqual([]);
});

it("gives a fix for whatever is not well", () => {
  const broken: Machine = {
    ...withCaller({ subuids: [] }),
    read: () => null,
    free: () => 1000,
    writable: () => false,
    tryNamespace: () => "operation not permitted",
    runtime: { missing: "not there" },
  };
  for (const { status, fix, name } of look(broken).values())
    if (status !== "ok") expect(fix, name).not.toBe("");
});

describe("the kernel", () => {
  it.each(["5.11.22", "4.19.0"])("%s is too old", (kernel) => {
    expect(look({ ...healthy, facts: { ...healthy.facts, kernel } }).get("kernel")?.status).toBe("failed");
  });
  it.each(["5.12.0", "6.1.0-13-amd64", "10.0"])("%s is new enough", (kernel) => {
    expect(look({ ...healthy, facts: { ...healthy.facts, kernel } }).get("kernel")?.status).toBe("ok");
  });
});

describe("overlayfs", () => {
  const absent = { "/proc/filesystems": "nodev\ttmpfs\n" };
  const module = { "/lib/modules/6.8.0-45-generic/modules.dep": "kernel/fs/overlayfs/overlay.ko.xz:\n" };
  it("is loaded by the kernel itself, also for an ordinary user", () => {
    expect(look(withFiles({ ...absent, ...module })).get("overlay")?.status).toBe("ok");
  });
  it("is missing where there is no module, or none is let in any more", () => {
    expect(look(withFiles(absent)).get("overlay")?.status).toBe("failed");
    const closed = { ...absent, ...module, "/proc/sys/kernel/modules_disabled": "1\n" };
    expect(look(withFiles(closed)).get("overlay")?.status).toBe("failed");
  });
});

describe("user namespaces", () => {
  it("need a profile on Ubuntu 24.04, which is given with the path of pavlosc", () => {
    const machine = {
      ...withFiles({ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n" }),
      tryNamespace: () => "EACCES",
    };
    const finding = look(machine).get("user namespaces");
    expect(finding?.status).toBe("failed");
    expect(finding?.fix).toContain("profile pavlosc /opt/pavlos/pavlosc flags=(unconfined)");
    expect(finding?.fix).toContain("apparmor_parser -r");
  });
  it("are fine on Ubuntu once the profile is there", () => {
    expect(
      look(withFiles({ "/proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n" })).get(
        "user namespaces",
      )?.status,
    ).toBe("ok");
  });
  it("may be switched off by either of two settings", () => {
    expect(
      look(withFiles({ "/proc/sys/kernel/unprivileged_userns_clone": "0\n" })).get("user namespaces")?.fix,
    ).toContain("userns_clone=1");
    expect(
      look(withFiles({ "/proc/sys/user/max_user_namespaces": "0\n" })).get("user namespaces")?.status,
    ).toBe("failed");
  });
  it("are not needed by root", () => {
    expect(look({ ...withCaller({ uid: 0 }), tryNamespace: () => "no" }).get("user namespaces")?.status).toBe(
      "ok",
    );
  });
});

describe("subordinate ids", () => {
  it("are missed without a range, and the command that adds one names the caller", () => {
    const finding = look(withCaller({ subgids: [] })).get("subordinate ids");
    expect(finding).toMatchObject({ status: "warning", detail: expect.stringContaining("/etc/subgid") });
    expect(finding?.fix).toContain("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ada");
  });
  it("are of no use without newuidmap", () => {
    expect(look(withCaller({ mapHelpers: false })).get("subordinate ids")?.fix).toContain("uidmap");
  });
});

describe("cgroups", () => {
  const withCgroup = (cgroup: Machine["facts"]["cgroup"]): Machine => ({
    ...healthy,
    facts: { ...healthy.facts, cgroup },
  });
  it("without delegation get the two lines for systemd", () => {
    const finding = look(withCgroup({ version: 2, controllers: ["memory", "pids"], scope: [] })).get(
      "cgroups",
    );
    expect(finding).toMatchObject({
      status: "warning",
      detail: expect.stringContaining("not delegated to ada: cpu"),
    });
    expect(finding?.fix).toContain("Delegate=cpu cpuset io memory pids");
  });
  it("of version 1 are root's", () => {
    expect(look(withCgroup({ version: 1, controllers: [], scope: [] })).get("cgroups")?.fix).toContain(
      "unified_cgroup_hierarchy=1",
    );
  });
});

it("calls a full disk essential and a small one a warning", () => {
  expect(look({ ...healthy, free: () => 1024 }).get("disk")?.status).toBe("failed");
  expect(look({ ...healthy, free: () => 500 * 1024 ** 2 }).get("disk")?.status).toBe("warning");
});
