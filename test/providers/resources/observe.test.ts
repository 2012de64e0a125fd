import { describe, expect, it } from "vitest";
import type { Resources } from "../../../src/model/environment.ts";
import { canonicalList, observeLimits } from "../../../src/providers/resources/observe.ts";
import { memoryFiles } from "../../host/support/memory-files.ts";
import { environment } from "../../reconcile/support/environments.ts";
import { fakeNative, freeFlock, host, noLocks } from "../support.ts";

/** What drifted in a container whose cgroup files say `live`, when the record wants `wanted`. */
function drift(wanted: Partial<Resources>, live: Readonly<Record<string, string>>, version: 1 | 2 = 1) {
  const files = memoryFiles();
  const controllers = ["cpu", "cpuset", "memory", "pids"];
  const cgroup =
    version === 2 ? { "": "/cg" } : Object.fromEntries(controllers.map((name) => [name, `/cg/${name}`]));
  for (const directory of ["/run/containers/demo-web", "/cg", ...controllers.map((name) => `/cg/${name}`)])
    files.makeDirectory(directory, 0o755);
  const state = { id: "demo-web", pid: 7, startTime: 1, created: "", started: true, cgroup };
  files.replace("/run/containers/demo-web/state.json", JSON.stringify(state));
  for (const [path, text] of Object.entries(live)) files.replace(`/cg/${path}`, `${text}\n`);
  const spec = environment("web", { resources: { ...environment("web").resources, ...wanted } });
  const record = {
    version: 1 as const,
    name: "web",
    spec,
    containerId: "demo-web",
    createdAt: "",
    stopped: false,
    hooked: true,
    secretHashes: {},
    pending: null,
    provider: {},
  };
  const process = { status: "running" as const, pid: 7, startedAt: null, exitCode: null, killed: false };
  const tools = {
    host: host({}, { cgroup: { controllers, version, scope: [] } }),
    paths: { data: "/data", run: "/run" },
    files,
    native: fakeNative(() => ({})).native,
    flock: freeFlock,
    lockFile: noLocks,
    env: {},
  };
  return Object.fromEntries(
    [...(observeLimits(tools, [{ record, process }]).get("web") ?? [])].map(([path, { live: value }]) => [
      path,
      value,
    ]),
  );
}

describe("limits of a running container, as the kernel has them", () => {
  it("do not drift when the files say what the record wants", () => {
    const wanted = { memory: 512 * 1024 + 5, cpus: 1.5, pids: 10, cpuWeight: 33, cpuset: "0,1", swap: 4096 };
    const one = {
      "memory/memory.limit_in_bytes": String(512 * 1024),
      "memory/memory.memsw.limit_in_bytes": String(512 * 1024 + 4096),
      "cpu/cpu.cfs_quota_us": "150000",
      "cpu/cpu.cfs_period_us": "100000",
      "cpu/cpu.shares": "338",
      "cpuset/cpuset.cpus": "0-1",
      "pids/pids.max": "10",
    };
    expect(drift(wanted, one)).toEqual({});
    const two = {
      "memory.max": String(512 * 1024),
      "memory.swap.max": "4096",
      "cpu.max": "150000 100000",
      "cpu.weight": "33",
      "cpuset.cpus": "0-1",
      "pids.max": "10",
    };
    expect(drift(wanted, two, 2)).toEqual({});
  });

  it("drift when somebody wrote another value, in either version", () => {
    expect(drift({ pids: 10 }, { "pids/pids.max": "4096" })).toEqual({ "resources.pids": 4096 });
    expect(drift({ memory: 8192 }, { "memory.max": "max" }, 2)).toEqual({ "resources.memory": null });
    expect(drift({ cpus: 1 }, { "cpu.max": "50000 100000" }, 2)).toEqual({ "resources.cpus": 0.5 });
  });

  it("drift when there is a limit that nobody asked for", () => {
    expect(drift({}, { "pids/pids.max": "5" })).toEqual({ "resources.pids": 5 });
    expect(drift({}, { "memory/memory.limit_in_bytes": "9223372036854771712" })).toEqual({});
  });

  it("do not drift where there is no such file", () => {
    expect(drift({ pids: 10, memory: 4096 }, {})).toEqual({});
  });
});

describe("lists of processors", () => {
  it("have one canonical form", () => {
    expect(canonicalList("5,0,1,2")).toBe("0-2,5");
    expect(canonicalList("0-1,2-3")).toBe("0-3");
    expect(canonicalList("")).toBe("");
  });
});
