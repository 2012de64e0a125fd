import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { GpuCapability, Gpus } from "../../../src/model/gpus.ts";
import { rulesOf } from "../../../src/providers/devices/attachment.ts";
import { type Attaching, attachmentOf } from "../../../src/providers/devices/nvidia/attach.ts";
import { findDriver, findDriverFiles } from "../../../src/providers/devices/nvidia/discover.ts";
import { select } from "../../../src/providers/devices/nvidia/select.ts";
import { type MachineName, version } from "../../fixtures/nvidia/machines.ts";
import { useMachines } from "../../fixtures/nvidia/use.ts";
import { gpus as plain } from "./support/gpus.ts";

const machine = useMachines();

function attach(name: MachineName, changes: Partial<Gpus> = {}, more: Partial<Attaching> = {}) {
  const tree = machine(name);
  const driver = findDriver(tree);
  if (driver === null) throw new Error("no driver");
  const gpus = { ...plain, ...changes };
  const chosen = select(gpus, { driver, details: new Map(), used: new Set(), own: new Set() });
  if (!chosen.ok) throw new Error(chosen.failure.message);
  const files = findDriverFiles(tree, driver, {
    arch: process.arch === "arm64" ? "arm64" : "x64",
    kernel: "6.12",
  });
  return attachmentOf({
    gpus,
    driver,
    files,
    chosen: chosen.value,
    root: tree.root,
    place: "writable",
    params: null,
    libraryPath: "",
    prebuilt: { directory: "/store/driver-mounted", linked: false },
    ...more,
  });
}

const nodes = (name: MachineName, changes: Partial<Gpus> = {}) =>
  attach(name, changes).nodes.map(({ path, major, minor }) => `${path} ${major}:${minor}`);
const names = (...capabilities: GpuCapability[]) =>
  attach("dgx", { want: ["0"], capabilities })
    .mounts.map(({ destination }) => destination)
    .filter((path) => path.startsWith("/usr/local/nvidia/"))
    .map((path) => path.replace("/usr/local/nvidia/", "").replace(`.so.${version}`, ""));

describe("the nodes of chosen GPUs", () => {
  it("are theirs by minor, and those that everybody needs", () => {
    expect(nodes("dgx", { want: ["1", "4"] })).toEqual([
      "/dev/nvidia5 195:5",
      "/dev/nvidia0 195:0",
      "/dev/nvidiactl 195:255",
      "/dev/nvidia-uvm 511:0",
      "/dev/nvidia-uvm-tools 511:1",
    ]);
  });

  it("follow the capabilities", () => {
    expect(nodes("laptop", { capabilities: ["utility"] })).toEqual([
      "/dev/nvidia0 195:0",
      "/dev/nvidiactl 195:255",
    ]);
    expect(nodes("laptop", { capabilities: ["graphics"] })).toEqual([
      "/dev/nvidia0 195:0",
      "/dev/nvidiactl 195:255",
      "/dev/nvidia-modeset 195:254",
      "/dev/dri/card1 226:1",
      "/dev/dri/renderD128 226:128",
    ]);
  });

  it("of a part are the GPU's and the part's capabilities", () => {
    expect(nodes("mig", { want: ["0:1"], capabilities: ["compute"] })).toEqual([
      "/dev/nvidia4 195:4",
      "/dev/nvidiactl 195:255",
      "/dev/nvidia-uvm 511:0",
      "/dev/nvidia-uvm-tools 511:1",
      "/dev/nvidia-caps/nvidia-cap21 510:21",
      "/dev/nvidia-caps/nvidia-cap22 510:22",
    ]);
  });

  it.each([
    ["wsl", ["/dev/dxg 10:125"]],
    ["tegra", ["/dev/nvhost-ctrl 505:0", "/dev/nvmap 10:88"]],
  ] as const)("on %s are the platform's own", (name, expected) => expect(nodes(name)).toEqual(expected));

  it("are allowed to be read and written, and nothing to be made", () => {
    expect(rulesOf(attach("laptop", { capabilities: ["utility"] }).nodes)).toEqual([
      { allow: true, type: "c", major: 195, minor: 0, access: "rw" },
      { allow: true, type: "c", major: 195, minor: 255, access: "rw" },
    ]);
  });
});

it("the driver's part of /proc shows the chosen GPUs only, unless that is switched off", () => {
  const params = "ModifyDeviceFiles: 1\n";
  const proc = (changes: Partial<Gpus>) =>
    attach("dgx", { want: ["2", "0"], ...changes }, { params })
      .mounts.map(({ destination, type }) => `${destination} ${type}`)
      .filter((mount) => mount.startsWith("/proc"));
  expect(proc({})).toEqual([
    "/proc/driver/nvidia/params none",
    "/proc/driver/nvidia/gpus tmpfs",
    "/proc/driver/nvidia/gpus/0000:1a:00.0 none",
    "/proc/driver/nvidia/gpus/0000:4a:00.0 none",
  ]);
  expect(proc({ mask: false })).toEqual([]);
});

describe("the files of a driver inside", () => {
  it("are those of the capabilities and no others", () => {
    expect(names("utility")).toEqual(["lib64/libnvidia-cfg", "lib64/libnvidia-ml", "bin/nvidia-smi"]);
    expect(names("compute")).not.toContain("lib64/libnvidia-ml");
    expect(names("compute")).toContain("lib64/libcuda");
    expect(names("video")).toEqual([
      "lib64/libnvcuvid",
      "lib64/libnvidia-encode",
      "lib64/libnvidia-opticalflow",
      "lib64/libvdpau_nvidia",
    ]);
  });

  it("lie in one directory that cannot be written, and the loader knows all their names", () => {
    const { mounts, loader, path, env } = attach("laptop");
    expect(mounts[0]).toMatchObject({
      destination: "/usr/local/nvidia",
      options: ["bind", "ro", "nosuid", "nodev"],
    });
    expect(mounts[0]?.source).toBe("/store/driver-mounted");
    expect(loader[0]?.directory).toBe("/usr/local/nvidia/lib64");
    expect(loader[0]?.names).toContain("libcuda.so.1");
    expect(path).toEqual(["/usr/local/nvidia/bin"]);
    expect(env).toEqual({ NVIDIA_VISIBLE_DEVICES: "void" });
  });

  it("are all brought by the mount of that directory where it has them", () => {
    const prebuilt = { directory: "/store/driver", linked: true };
    const [linked, mounted] = [attach("dgx", {}, { prebuilt }), attach("dgx")];
    const inDriver = ({ destination }: { destination: string }) =>
      destination.startsWith("/usr/local/nvidia");
    expect(linked.mounts.filter(inDriver)).toEqual([{ ...mounted.mounts[0], source: "/store/driver" }]);
    expect(linked.mounts.filter((mount) => !inDriver(mount))).toEqual(
      mounted.mounts.filter((mount) => !inDriver(mount)),
    );
    expect([linked.loader, linked.env, linked.path]).toEqual([mounted.loader, mounted.env, mounted.path]);
  });

  it("are the host's own, below the driver's root", () => {
    const { mounts } = attach("split");
    const cuda = mounts.find(({ destination }) => destination.includes("libcuda.so"));
    expect(cuda?.source).toBe(join(machine("split").root, `/usr/local/nvidia/lib64/libcuda.so.${version}`));
  });

  it("in the machine's own root are where they are: only what nothing else finds is told", () => {
    const here = { place: "shared", root: "" } as const;
    const usual = attach("laptop", {}, here);
    expect([usual.mounts, usual.loader, usual.path]).toEqual([[], [], []]);
    expect(usual.env).toEqual({ NVIDIA_VISIBLE_DEVICES: "void" });
    expect(usual.nodes.map(({ path }) => path)).toContain("/dev/nvidia0");
    const split = attach("split", {}, here);
    expect(split.path).toEqual(["/usr/local/nvidia/bin"]);
    expect(split.env.LD_LIBRARY_PATH).toBe("/usr/local/nvidia/lib64");
  });

  it("do not hide newer CUDA libraries of an image, whose LD_LIBRARY_PATH leads to the driver's", () => {
    const libraryPath = "/usr/local/nvidia/lib:/opt/mine:/usr/local/nvidia/lib64";
    const { compat, env } = attach("laptop", {}, { libraryPath });
    expect([compat, env.LD_LIBRARY_PATH]).toEqual([version, "/opt/mine"]);
    const readonly = attach("laptop", {}, { libraryPath, place: "readonly" });
    expect([readonly.compat, readonly.env.LD_LIBRARY_PATH]).toEqual([
      null,
      "/usr/local/nvidia/lib64:/opt/mine",
    ]);
    expect(attach("laptop", { capabilities: ["utility"] }).compat).toBeNull();
    expect(attach("wsl").compat).toBeNull();
  });

  it("of a driver elsewhere lie in /run where a user has the machine's root", () => {
    const { mounts, loader, env, path } = attach("laptop", {}, { place: "closed" });
    expect(mounts.every(({ destination }) => destination.startsWith("/run/nvidia/driver"))).toBe(true);
    expect(loader).toEqual([]);
    expect([env.LD_LIBRARY_PATH, path]).toEqual(["/run/nvidia/driver/lib64", ["/run/nvidia/driver/bin"]]);
  });

  it("in a read-only root need no place of their own", () => {
    const { mounts, loader, env } = attach("laptop", {}, { place: "readonly" });
    expect(mounts.every(({ destination }) => destination.startsWith("/usr/local/nvidia"))).toBe(true);
    expect(loader).toEqual([]);
    expect(env.LD_LIBRARY_PATH).toBe("/usr/local/nvidia/lib64");
  });
});
