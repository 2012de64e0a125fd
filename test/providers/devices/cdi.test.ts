import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { type DriverTree, driverTree } from "../../../src/host/driver-tree.ts";
import { rulesOf } from "../../../src/providers/devices/attachment.ts";
import { attachmentOfDevices } from "../../../src/providers/devices/cdi/apply.ts";
import { readSpecs } from "../../../src/providers/devices/cdi/read.ts";
import { findDevices } from "../../../src/providers/devices/cdi/resolve.ts";
import { writeCdi } from "../../../src/providers/devices/cdi/write.ts";
import { findDriver, findDriverFiles } from "../../../src/providers/devices/nvidia/discover.ts";
import { type MachineName, machines } from "../../fixtures/nvidia/machines.ts";
import { useMachines } from "../../fixtures/nvidia/use.ts";

const isRoot = process.getuid?.() === 0;
const directory = mkdtempSync(join(tmpdir(), "pavlos-cdi-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const machine = useMachines();

let tree: DriverTree;
let count = 0;
beforeEach(() => {
  count += 1;
  tree = driverTree(join(directory, String(count)));
  mkdirSync(tree.root);
});

function write(path: string, content: string | object): void {
  const file = join(tree.root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content, null, 2), {
    mode: 0o644,
  });
}

async function attach(...names: string[]) {
  const found = findDevices(await readSpecs(tree), names);
  if (!found.ok) return found.failure;
  const attached = attachmentOfDevices(tree, found.value);
  return attached.ok ? attached.value : attached.failure;
}

/** As the specification's own example, with every field that there is. */
const everything = {
  cdiVersion: "1.1.0",
  kind: "vendor.com/device",
  annotations: { whatever: "false" },
  devices: [
    {
      name: "myDevice",
      annotations: { "whatever.com/x": "false" },
      containerEdits: {
        deviceNodes: [
          {
            path: "/vendor/dev/card1",
            hostPath: "/dev/card1",
            type: "c",
            major: 25,
            minor: 26,
            fileMode: 384,
            permissions: "rw",
            uid: 1000,
            gid: 1001,
          },
          { path: "/dev/card-render1", type: "c", major: 25, minor: 27, permissions: "rwm" },
        ],
      },
    },
    {
      name: "second",
      containerEdits: {
        env: ["BAR=BARVALUE2"],
        deviceNodes: [{ path: "/dev/card2", type: "c", major: 25, minor: 28 }],
      },
    },
  ],
  containerEdits: {
    env: ["FOO=VALID_SPEC", "BAR=BARVALUE1"],
    deviceNodes: [{ path: "/dev/vendorctl", type: "b", major: 25, minor: 25 }],
    mounts: [
      { hostPath: "/bin/vendorBin", containerPath: "/bin/vendorBin" },
      {
        hostPath: "/usr/lib/libVendor.so.0",
        containerPath: "/usr/lib/libVendor.so.0",
        options: ["ro", "nosuid"],
      },
      {
        hostPath: "tmpfs",
        containerPath: "/tmp/data",
        type: "tmpfs",
        options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
      },
    ],
    hooks: [
      {
        hookName: "createContainer",
        path: "/usr/bin/nvidia-cdi-hook",
        args: ["nvidia-cdi-hook", "create-symlinks", "--link", "libVendor.so.0::/usr/lib/libVendor.so"],
      },
      {
        hookName: "createContainer",
        path: "/usr/bin/nvidia-ctk",
        args: ["nvidia-ctk", "hook", "update-ldcache", "--folder=/usr/lib"],
      },
      {
        hookName: "createContainer",
        path: "/usr/bin/nvidia-cdi-hook",
        args: ["nvidia-cdi-hook", "chmod", "--mode", "755", "--path", "/dev/dri"],
      },
      {
        hookName: "startContainer",
        path: "/bin/vendor-hook",
        args: ["vendor-hook", "x"],
        env: ["LD_PRELOAD=/evil.so"],
        timeout: 5,
      },
    ],
    additionalGids: [44, 110],
  },
};

describe.runIf(isRoot)("CDI files", () => {
  it("give all that they say, with the hooks of NVIDIA's toolkit done by Pavlos itself", async () => {
    write("/etc/cdi/vendor.json", everything);
    expect(await attach("vendor.com/device=myDevice", "vendor.com/device=second")).toEqual({
      nodes: [
        {
          type: "b",
          path: "/dev/vendorctl",
          source: join(tree.root, "/dev/vendorctl"),
          major: 25,
          minor: 25,
          fileMode: 0o666,
          uid: 0,
          gid: 0,
          access: "rw",
        },
        {
          type: "c",
          path: "/vendor/dev/card1",
          source: join(tree.root, "/dev/card1"),
          major: 25,
          minor: 26,
          fileMode: 0o600,
          uid: 1000,
          gid: 1001,
          access: "rw",
        },
        {
          type: "c",
          path: "/dev/card-render1",
          source: join(tree.root, "/dev/card-render1"),
          major: 25,
          minor: 27,
          fileMode: 0o666,
          uid: 0,
          gid: 0,
          access: "rw",
        },
        {
          type: "c",
          path: "/dev/card2",
          source: join(tree.root, "/dev/card2"),
          major: 25,
          minor: 28,
          fileMode: 0o666,
          uid: 0,
          gid: 0,
          access: "rw",
        },
      ],
      mounts: [
        {
          destination: "/bin/vendorBin",
          type: "none",
          source: join(tree.root, "/bin/vendorBin"),
          options: ["ro", "nosuid", "nodev", "rbind", "rprivate"],
        },
        {
          destination: "/tmp/data",
          type: "tmpfs",
          source: "tmpfs",
          options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
        },
        {
          destination: "/usr/lib/libVendor.so.0",
          type: "none",
          source: join(tree.root, "/usr/lib/libVendor.so.0"),
          options: ["rbind", "ro", "nosuid"],
        },
      ],
      links: [{ path: "/usr/lib/libVendor.so", target: "libVendor.so.0" }],
      loader: [{ directory: "/usr/lib", names: ["libVendor.so", "libVendor.so.0"] }],
      compat: null,
      env: { FOO: "VALID_SPEC", BAR: "BARVALUE2" },
      path: [],
      // What a hook wants in its environment is not given to it either.
      hooks: [{ point: "startContainer", path: "/bin/vendor-hook", args: ["vendor-hook", "x"], timeout: 5 }],
      groups: [44, 110],
      gpus: [],
      about: {},
    });
  });

  it("may have every field of version 1.1.0, and keys with nothing after them", async () => {
    const edits = {
      netDevices: [{ hostInterfaceName: "eth1", name: "net0" }],
      intelRdt: {
        closID: "class",
        l3CacheSchema: "L3:0=f",
        memBwSchema: "MB:0=20",
        schemata: ["L3:0=f"],
        enableMonitoring: true,
      },
      additionalGids: null,
    };
    const devices = [
      ...everything.devices,
      { name: "0", containerEdits: { ...edits, deviceNodes: [{ path: "/dev/none", permissions: "none" }] } },
    ];
    write("/etc/cdi/all.json", { ...everything, containerEdits: null, devices });
    const { specs, problems } = await readSpecs(tree);
    expect(problems).toEqual([]);
    expect(specs[0]?.cdi.devices).toHaveLength(3);
    expect(specs[0]?.cdi.devices[2]?.containerEdits).toMatchObject({ intelRdt: edits.intelRdt });
    expect(specs[0]?.cdi.containerEdits).toBeUndefined();
  });

  it("with permissions none give a node that no rule allows", async () => {
    const node = { path: "/dev/x", type: "c", major: 240, minor: 1, permissions: "none" };
    const device = { name: "x", containerEdits: { deviceNodes: [node] } };
    write("/etc/cdi/none.json", { cdiVersion: "0.3.0", kind: "a.com/b", devices: [device] });
    const attached = await attach("a.com/b=x");
    if (!("nodes" in attached)) throw new Error(attached.message);
    expect([attached.nodes.length, rulesOf(attached.nodes)]).toEqual([1, []]);
  });

  it.each([
    ["1.1.0", { netDevices: [{ hostInterfaceName: "a", name: "b" }] }, /netDevices needs 1\.1\.0/],
    ["1.1.0", { intelRdt: { schemata: [] } }, /schemata or enableMonitoring/],
    ["0.7.0", { additionalGids: [1] }, /additionalGids/],
    ["0.5.0", { deviceNodes: [{ path: "/dev/a", hostPath: "/dev/b" }] }, /hostPath/],
    ["0.4.0", { mounts: [{ hostPath: "/a", containerPath: "/a", type: "tmpfs" }] }, /type of a mount/],
  ])("need at least version %s for what is newer", async (version, containerEdits, message) => {
    const spec = { kind: "a.com/b", devices: [{ name: "x", containerEdits }] };
    write("/etc/cdi/old.json", { cdiVersion: "0.3.0", ...spec });
    expect((await readSpecs(tree)).problems[0]?.message).toMatch(message);
    write("/etc/cdi/old.json", { cdiVersion: version, ...spec });
    expect((await readSpecs(tree)).problems).toEqual([]);
  });

  it("in /var/run/cdi win over those in /etc/cdi; twice in one directory is a conflict", async () => {
    const spec = (value: string) => ({
      cdiVersion: "0.6.0",
      kind: "amd.com/gpu",
      devices: [{ name: "all", containerEdits: { env: [`FROM=${value}`] } }],
    });
    write("/etc/cdi/amd.json", spec("etc"));
    write(
      "/var/run/cdi/amd.yaml",
      'cdiVersion: "0.6.0"\nkind: amd.com/gpu\ndevices:\n- name: all\n  containerEdits:\n    env: [FROM=run]\n',
    );
    expect(await attach("amd.com/gpu=all")).toMatchObject({ env: { FROM: "run" } });
    write("/var/run/cdi/second.json", spec("run2"));
    expect(await attach("amd.com/gpu=all")).toMatchObject({
      code: "cdi-conflict",
      message: "amd.com/gpu=all is in /var/run/cdi/amd.yaml and in /var/run/cdi/second.json",
    });
  });

  it.each([
    [
      "an unknown field",
      'cdiVersion: "0.6.0"\nkind: a.com/b\ndevices:\n  - name: x\n    containerEdits: {}\n    extra: 1\n',
      6,
      /devices\.0\.extra/,
    ],
    [
      "a wrong type",
      '{\n  "cdiVersion": "0.6.0",\n  "kind": "a.com/b",\n  "devices": [{"name": "x", "containerEdits": {"env": "A=b"}}]\n}\n',
      4,
      /devices\.0\.containerEdits\.env/,
    ],
    [
      "an unknown version",
      'cdiVersion: "9.0.0"\nkind: a.com/b\ndevices: [{name: x, containerEdits: {}}]\n',
      1,
      /cdiVersion/,
    ],
    ["no YAML", "devices: [\n  - {\n", 3, /is not YAML or JSON/],
  ])("with %s are not read, and the place is named", async (_, text, line, message) => {
    write("/etc/cdi/broken.yaml", text);
    const { specs, problems } = await readSpecs(tree);
    expect(specs).toEqual([]);
    expect(problems).toMatchObject([
      { code: "cdi-file-wrong", place: { file: join(tree.root, "/etc/cdi/broken.yaml"), line } },
    ]);
    expect(problems[0]?.message).toMatch(message);
    expect(await attach("a.com/b=x")).toMatchObject({
      code: "cdi-unknown",
      message: expect.stringContaining(`broken.yaml:${line}`),
    });
  });

  it("of others than root, or that others may write, are not trusted", async () => {
    write("/etc/cdi/forged.json", everything);
    chownSync(join(tree.root, "/etc/cdi/forged.json"), 1000, 1000);
    write("/etc/cdi/open.json", everything);
    chmodSync(join(tree.root, "/etc/cdi/open.json"), 0o666);
    const { specs, problems } = await readSpecs(tree);
    expect(specs).toEqual([]);
    expect(problems.map(({ message }) => message)).toEqual(
      Array(2).fill(expect.stringContaining("not trusted")),
    );
  });

  it("that want what Pavlos does not give are refused", async () => {
    const device = {
      name: "x",
      containerEdits: { netDevices: [{ hostInterfaceName: "eth1", name: "eth1" }] },
    };
    write("/etc/cdi/net.json", { cdiVersion: "1.1.0", kind: "a.com/net", devices: [device] });
    expect(await attach("a.com/net=x")).toMatchObject({ code: "cdi-unsupported" });
  });

  it("with a device that the machine lacks are refused", async () => {
    const device = { name: "x", containerEdits: { deviceNodes: [{ path: "/dev/nothing" }] } };
    write("/etc/cdi/gone.json", { cdiVersion: "0.6.0", kind: "a.com/b", devices: [device] });
    expect(await attach("a.com/b=x")).toMatchObject({ code: "device-missing" });
  });
});

const withDriver = (Object.keys(machines) as MachineName[]).filter((name) => name !== "none");

it.runIf(isRoot).each(withDriver)("the CDI file that is written for %s can be read again", async (name) => {
  const source = machine(name);
  const driver = findDriver(source);
  if (driver === null) throw new Error("no driver");
  const files = findDriverFiles(source, driver, { arch: "x64", kernel: "6.12" });
  const cdi = writeCdi(source, { driver, files });
  write("/etc/cdi/nvidia.json", cdi);
  const { specs, problems } = await readSpecs(tree);
  expect(problems).toEqual([]);
  expect(specs[0]?.cdi).toEqual(cdi);
  const attached = await attach("nvidia.com/gpu=all");
  const [gpu] = driver.gpus.filter(({ excluded }) => !excluded);
  expect(attached).toMatchObject({
    nodes: expect.arrayContaining([expect.objectContaining({ path: gpu?.node.path })]),
  });
});
