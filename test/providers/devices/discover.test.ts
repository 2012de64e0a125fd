import { describe, expect, it } from "vitest";
import { findDriver, findDriverFiles } from "../../../src/providers/devices/nvidia/discover.ts";
import type { Driver, DriverFiles } from "../../../src/providers/devices/nvidia/model.ts";
import { dgxGpus, libraryDirectory, type MachineName, version } from "../../fixtures/nvidia/machines.ts";
import { useMachines } from "../../fixtures/nvidia/use.ts";

const machine = useMachines();
const arch = process.arch === "arm64" ? "arm64" : "x64";

function look(name: MachineName): { driver: Driver; files: DriverFiles } {
  const tree = machine(name);
  const driver = findDriver(tree);
  if (driver === null) throw new Error(`${name} has no driver`);
  return { driver, files: findDriverFiles(tree, driver, { arch, kernel: "6.12.0" }) };
}

const namesOf = ({ libraries }: DriverFiles, capability: string) =>
  libraries
    .filter((library) => library.capability === capability)
    .map(({ file }) => file)
    .sort();

describe("the driver of a machine", () => {
  it("is found with its GPUs in the order of their addresses, whatever their minors", () => {
    const { driver } = look("dgx");
    expect(driver).toMatchObject({ kind: "nvidia", version, module: "open" });
    expect(driver.gpus.map(({ index, busId, minor, uuid }) => ({ index, busId, minor, uuid }))).toEqual(
      dgxGpus.map((gpu, index) => ({ index, ...gpu })),
    );
    expect(driver.gpus[2]?.node).toMatchObject({ path: "/dev/nvidia6", major: 195, minor: 6 });
    expect(driver.gpus[2]?.drm.map(({ path, major, minor }) => [path, major, minor])).toEqual([
      ["/dev/dri/card3", 226, 3],
      ["/dev/dri/renderD130", 226, 130],
    ]);
  });

  it("has control nodes with the numbers that the kernel says", () => {
    const { driver } = look("dgx");
    expect(driver.control.map(({ path, major, minor }) => [path, major, minor])).toEqual([
      ["/dev/nvidiactl", 195, 255],
      ["/dev/nvidia-modeset", 195, 254],
      ["/dev/nvidia-uvm", 511, 0],
      ["/dev/nvidia-uvm-tools", 511, 1],
    ]);
    expect(driver.imex.map(({ minor }) => minor)).toEqual([0]);
  });

  it("is known in both forms of the version", () => {
    expect(look("proprietary").driver).toMatchObject({ version, module: "proprietary" });
    expect(look("proprietary").driver.gpus).toHaveLength(2);
  });

  it("has MIG devices with the minors of their capability files", () => {
    const [first, second] = look("mig").driver.gpus;
    expect(
      first?.mig?.map(({ index, gpuInstance, computeInstance, nodes }) => [
        index,
        gpuInstance,
        computeInstance,
        ...nodes.map(({ path, major, minor }) => `${path} ${major}:${minor}`),
      ]),
    ).toEqual([
      [0, 1, 0, "/dev/nvidia-caps/nvidia-cap12 510:12", "/dev/nvidia-caps/nvidia-cap13 510:13"],
      [1, 2, 0, "/dev/nvidia-caps/nvidia-cap21 510:21", "/dev/nvidia-caps/nvidia-cap22 510:22"],
    ]);
    expect(second?.mig).toBeNull();
  });

  it("tells of GPUs that are excluded or were never opened", () => {
    expect(look("excluded").driver.gpus.map(({ excluded }) => excluded)).toEqual([true, false]);
    expect(look("unopened").driver.gpus[0]?.uuid).toBeNull();
  });

  it("is none where there is none", () => expect(findDriver(machine("none"))).toBeNull());
});

describe("the files of a driver", () => {
  it("are found by the loader's cache, by capability, with all their names", () => {
    const { files } = look("dgx");
    expect(namesOf(files, "utility")).toEqual([`libnvidia-cfg.so.${version}`, `libnvidia-ml.so.${version}`]);
    expect(namesOf(files, "compute")).toHaveLength(8);
    expect(namesOf(files, "video")).toHaveLength(4);
    expect(namesOf(files, "graphics")).toContain("libnvidia-egl-gbm.so.1.1.2");
    expect(files.libraries.find(({ file }) => file.startsWith("libcuda.so"))).toMatchObject({
      file: `libcuda.so.${version}`,
      path: `${libraryDirectory}/libcuda.so.${version}`,
      links: ["libcuda.so", "libcuda.so.1"],
      capability: "compute",
      bits: 64,
    });
    expect(files.versions).toEqual([version]);
    expect(files.files.map(({ target }) => target)).toEqual([
      "nvidia-smi",
      "nvidia-cuda-mps-control",
      "/usr/share/glvnd/egl_vendor.d/10_nvidia.json",
      "/usr/share/vulkan/icd.d/nvidia_icd.json",
      "/etc/OpenCL/vendors/nvidia.icd",
      `/lib/firmware/nvidia/${version}/gsp_ga10x.bin`,
    ]);
  });

  it.each(["without cache", "split"] as const)("are the same for a machine %s", (name) => {
    const found = look(name).files.libraries.map(({ file, links, capability }) => ({
      file,
      links,
      capability,
    }));
    const expected = look("dgx").files.libraries.map(({ file, links, capability }) => ({
      file,
      links,
      capability,
    }));
    expect(found).toEqual(expected);
    if (name === "split")
      expect(look(name).files.libraries[0]?.path).toMatch(/^\/usr\/local\/nvidia\/lib64\//);
  });

  it("are only those of the loaded version; what else is there is told", () => {
    const { driver, files } = look("mismatch");
    expect(driver.version).toBe("570.86.15");
    expect(namesOf(files, "compute")).toEqual([]);
    expect(files.versions).toEqual([version]);
  });

  it("on WSL2 are those of Windows, with one device for all GPUs", () => {
    const { driver, files } = look("wsl");
    expect(driver).toMatchObject({
      kind: "wsl",
      gpus: [{ node: { path: "/dev/dxg", major: 10, minor: 125 } }],
    });
    expect(files.libraries.map(({ file }) => file)).toEqual([
      "libcuda.so",
      "libcuda.so.1",
      "libdxcore.so",
      "libnvidia-ml.so.1",
    ]);
    expect(files.files.map(({ path }) => path)).toEqual([
      "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1",
      "/usr/lib/wsl/lib/nvidia-smi",
    ]);
  });

  it("on Tegra are those that the board's lists name", () => {
    const { driver, files } = look("tegra");
    expect(driver).toMatchObject({
      kind: "tegra",
      version: "35.4.1",
      gpus: [{ model: "NVIDIA Jetson AGX Orin", node: { path: "/dev/nvhost-ctrl" } }],
      control: [{ path: "/dev/nvmap", major: 10, minor: 88 }],
    });
    expect(files.libraries).toMatchObject([
      { file: "libcuda.so.1.1", links: ["libcuda.so", "libcuda.so.1"] },
    ]);
    expect(files.files.map(({ target }) => target)).toEqual(["/usr/src/l4t"]);
  });
});
