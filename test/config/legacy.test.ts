import { describe, expect, test } from "vitest";
import { importLegacy, loadLegacy } from "../../src/config/legacy-file.ts";
import { machine, memoryReader } from "./support.ts";

const file = "/home/ada/box.json";

function options(legacy: unknown) {
  const text = typeof legacy === "string" ? legacy : JSON.stringify(legacy, null, 2);
  const reader = memoryReader({ [file]: text, "/srv/root/bin/sh": "" });
  return { cwd: "/", host: machine, env: {}, reader };
}

async function run(legacy: unknown) {
  const loaded = await loadLegacy(file, options(legacy));
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
  const [environment] = loaded.value.desired.environments;
  if (!environment) throw new Error("no environment");
  return { environment, notices: loaded.value.notices.map(({ message }) => message) };
}

async function wrong(legacy: unknown) {
  const loaded = await loadLegacy(file, options(legacy));
  if (loaded.ok) throw new Error("the file was accepted");
  return loaded.failure.map(({ code, place }) => [code, place?.line]);
}

describe("loadLegacy", () => {
  test("isolates exactly what the file asks for", async () => {
    const { environment, notices } = await run({
      name: "box",
      rootFs: "/srv/root",
      runtimeArgs: ["/bin/sh", "-c", "echo ${HOME} $$"],
      nvidiaGpus: [2],
      enableIsolation: true,
      isolationOptions: { enableUTS: true, enablePID: false, enableNetNs: false, enableRoot: true },
      enableResourceIsolation: true,
      initScript: "touch /ready",
    });
    expect(environment).toMatchObject({
      name: "box",
      hostname: "box",
      rootfs: { kind: "path", path: "/srv/root", mode: "overlay" },
      command: ["/bin/sh", "-c", "echo ${HOME} $$"],
      isolation: { uts: true, pid: false, ipc: false, cgroup: true, time: false },
      network: { kind: "host" },
      gpus: { want: ["2"], capabilities: ["compute", "utility"], mode: "native" },
      hooks: { created: [["/bin/sh", "-c", "touch /ready"]] },
    });
    expect(notices).toEqual([]);
  });

  test("isolates nothing when isolation is off, and uses the machine's root as it is", async () => {
    const { environment } = await run({
      name: "box",
      rootFs: "/srv/root",
      enableIsolation: false,
      isolationOptions: { enableUTS: true, enablePID: true, enableNetNs: true, enableRoot: true },
    });
    expect(environment.isolation).toMatchObject({ uts: false, pid: false, ipc: false, cgroup: false });
    expect(environment.network).toEqual({ kind: "host" });
    expect(environment.rootfs).toEqual({ kind: "path", path: "/", mode: "direct" });
  });

  test("says what it cannot honour: ignored keys, the old default root; an address is on the default network", async () => {
    const { environment, notices } = await run({
      name: "My Box",
      rootFs: "default",
      ip: "10.0.0.2",
      isolationOptions: { enableNetNs: true, enableRoot: true },
      internals: {},
      Devices: [],
    });
    expect(environment).toMatchObject({
      name: "my-box",
      rootfs: { kind: "host" },
      network: { kind: "networks", networks: [{ name: "default" }], ip: "10.0.0.2", ports: [] },
    });
    expect(notices).toHaveLength(4);
  });

  test("uses the stored default root when there is one", async () => {
    const legacy = options({ name: "box", rootFs: "default" });
    const loaded = await loadLegacy(file, { ...legacy, hasDefaultRoot: true });
    expect(loaded).toMatchObject({
      ok: true,
      value: { desired: { environments: [{ rootfs: { kind: "named", named: "default" } }] }, notices: [] },
    });
  });

  test("refuses unknown keys, wrong types and a missing root, each at its place", async () => {
    const legacy = { name: "box", nvidiaGpus: "all", runtimeArg: [], enableIsolation: "yes" };
    expect(await wrong(legacy)).toEqual([
      ["wrong-type", 3],
      ["unknown-key", 4],
      ["wrong-type", 5],
    ]);
    expect(await wrong({ name: "box", rootFs: "/srv/missing" })).toEqual([["rootfs-missing", 3]]);
    expect(await wrong('{\n  "name": "box",\n}')).toEqual([["json-syntax", 3]]);
    expect(await wrong("[]")).toEqual([["wrong-type", 1]]);
  });
});

describe("importLegacy", () => {
  test("writes YAML that loads to the same environment, with notices as comments", async () => {
    const legacy = { name: "box", rootFs: "/srv/root", runtimeArgs: ["echo", "${X} $$ $HOME"], internals: 1 };
    const imported = await importLegacy(file, options(legacy).reader);
    if (!imported.ok) throw new Error(JSON.stringify(imported.failure));
    expect(imported.value.yaml).toMatch(
      /^# Imported from box.json.\n# Note: `internals` has no effect any more.\n/,
    );
    const { loadProject } = await import("../../src/config/load.ts");
    const reader = memoryReader({ "/p/environments/box.yaml": imported.value.yaml, "/srv/root/bin/sh": "" });
    const loaded = await loadProject({ ...options(legacy), cwd: "/p", reader });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.failure));
    expect(loaded.value.environments[0]).toEqual((await run(legacy)).environment);
  });
});
