import { describe, expect, it } from "vitest";
import type { Resources } from "../../../src/model/environment.ts";
import { limitsForUpdate, limitsOf } from "../../../src/providers/resources/limits.ts";
import { unenforced } from "../../../src/providers/resources/unenforced.ts";
import { environment } from "../../reconcile/support/environments.ts";
import { host, me } from "../support.ts";

const none = environment("web").resources;
const resources = (changes: Partial<Resources>): Resources => ({ ...none, ...changes });
const version2 = host(
  {},
  { cgroup: { controllers: ["cpu", "cpuset", "memory", "pids", "io"], version: 2, scope: [] } },
);

describe("limits of a new container", () => {
  it("are only those that the file sets", () => {
    expect(limitsOf(none, host())).toEqual({});
    expect(
      limitsOf(resources({ memory: 1024, swap: 512, pids: 5, cpus: 1.5, cpuset: "0-1" }), host()),
    ).toEqual({
      memory: { limit: 1024, swap: 1536 },
      pids: { limit: 5 },
      cpu: { quota: 150_000, period: 100_000, cpus: "0-1" },
    });
  });

  it("count processor weight in the scale of the cgroup version", () => {
    expect(limitsOf(resources({ cpuWeight: 200 }), host())).toEqual({ cpu: { shares: 2048 } });
    expect(limitsOf(resources({ cpuWeight: 200 }), version2)).toEqual({ unified: { "cpu.weight": "200" } });
  });

  it("leave out what nobody may set here", () => {
    const bare = host(me, { cgroup: { controllers: ["pids"], version: 2, scope: [] } });
    expect(limitsOf(resources({ memory: 1024, pids: 5 }), bare)).toEqual({ pids: { limit: 5 } });
  });
});

describe("limits of a running container", () => {
  it("are lifted when the file has them no more", () => {
    expect(limitsForUpdate(none, host())).toEqual({
      memory: { limit: -1 },
      pids: { limit: -1 },
      cpu: { quota: -1, period: 100_000, shares: 1024, cpus: "0-3" },
    });
    expect(limitsForUpdate(none, version2).unified).toEqual({ "cpu.weight": "100" });
  });

  it("are set where the file has them", () => {
    const update = limitsForUpdate(resources({ memory: 2048, cpus: 2 }), host());
    expect(update.memory).toEqual({ limit: 2048 });
    expect(update.cpu).toMatchObject({ quota: 200_000 });
  });
});

describe("limits that this machine cannot enforce", () => {
  it("give one notice that names them, the controllers and the fix", () => {
    const bare = host(me, { cgroup: { controllers: ["pids"], version: 2, scope: [] } });
    const spec = environment("web", { resources: resources({ memory: 1024, cpus: 1, pids: 5 }) });
    const [notice, ...others] = unenforced(spec, bare);
    expect(others).toEqual([]);
    expect(notice?.message).toContain("resources.cpus, resources.memory cannot be enforced");
    expect(notice?.hint).toContain("Delegate=cpu memory");
  });

  it("give none where all are delegated", () => {
    expect(unenforced(environment("web", { resources: resources({ memory: 1024 }) }), host())).toEqual([]);
  });
});
