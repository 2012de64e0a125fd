import { describe, expect, it } from "vitest";
import type { Gpus } from "../../../src/model/gpus.ts";
import { parseDetails } from "../../../src/providers/devices/nvidia/details.ts";
import { findDriver } from "../../../src/providers/devices/nvidia/discover.ts";
import { cudaOf, requirementsOf, unmet } from "../../../src/providers/devices/nvidia/require.ts";
import { keyOf, select } from "../../../src/providers/devices/nvidia/select.ts";
import { dgxGpus, type MachineName } from "../../fixtures/nvidia/machines.ts";
import { useMachines } from "../../fixtures/nvidia/use.ts";
import { gpus as all } from "./support/gpus.ts";

const machine = useMachines();

const gpus = (changes: Partial<Gpus>): Gpus => ({ ...all, ...changes });

const details = parseDetails(
  dgxGpus
    .map(
      ({ uuid, busId }, index) =>
        `${index}, ${uuid}, 0000${busId.toUpperCase()}, ${index < 4 ? 40_960 : 81_559}, 9.0`,
    )
    .join("\n"),
  `GPU 0: NVIDIA H100 (UUID: ${dgxGpus[0]?.uuid})\n  MIG 1g.10gb Device 0: (UUID: MIG-aaaa)\n  MIG 1g.10gb Device 1: (UUID: MIG-bbbb)\n`,
);

function choose(name: MachineName, changes: Partial<Gpus>, sets: { used?: string[]; own?: string[] } = {}) {
  const driver = findDriver(machine(name));
  if (driver === null) throw new Error("no driver");
  const choice = { driver, details, used: new Set(sets.used), own: new Set(sets.own) };
  const chosen = select(gpus(changes), choice);
  if (!chosen.ok) return `${chosen.failure.message} | ${chosen.failure.hint}`;
  return chosen.value.map(({ gpu, mig }) => (mig === null ? gpu.index : `${gpu.index}:${mig.index}`));
}

const uuid = (index: number): string => dgxGpus[index]?.uuid ?? "";

describe("GPUs are chosen", () => {
  it.each([
    ["an index", ["2"], [2]],
    ["several, in any order", ["5", "1"], [1, 5]],
    ["a UUID", [uuid(3)], [3]],
    ["the beginning of a UUID", ["GPU-4444"], [4]],
    ["a PCI address", ["0000:8a:00.0"], [4]],
    ["NVML's form of it", ["00000000:8A:00.0"], [4]],
    ["one without its domain", ["ca:00.0"], [6]],
    ["one in two ways, once", ["0", uuid(0)], [0]],
  ])("by %s", (_, want, expected) => expect(choose("dgx", { want })).toEqual(expected));

  it("all of them, without those that are excluded", () => {
    expect(choose("dgx", {})).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(choose("excluded", {})).toEqual([1]);
  });

  it("by count: those that it has, then free ones", () => {
    const used = [0, 1, 2].map(uuid);
    expect(choose("dgx", { want: 2 }, { used })).toEqual([3, 4]);
    expect(choose("dgx", { want: 2 }, { used, own: [uuid(7)] })).toEqual([3, 7]);
    expect(choose("dgx", { want: 6 }, { used })).toEqual([0, 3, 4, 5, 6, 7]);
  });

  it("by parts where there are any", () => {
    expect(choose("mig", {})).toEqual(["0:0", "0:1", 1]);
    expect(choose("mig", { want: ["0"] })).toEqual(["0:0", "0:1"]);
    expect(choose("mig", { want: ["0:1"] })).toEqual(["0:1"]);
    expect(choose("mig", { want: ["MIG-bb"] })).toEqual(["0:1"]);
  });

  it("by what they have", () => {
    expect(choose("dgx", { memory: 60 * 2 ** 30 })).toEqual([4, 5, 6, 7]);
    expect(choose("dgx", { compute: ">=9.0", model: "h100", want: 1 })).toEqual([0]);
  });
});

describe("what cannot be chosen is explained", () => {
  it.each([
    ["an unknown index", { want: ["9"] }, /there is no GPU 9 \| there are 0 \(GPU-00000000-.*H100.*\), 1 \(/],
    ["an ambiguous beginning", { want: ["GPU-"] }, /GPU- is the beginning of 8 GPUs' UUIDs/],
    ["too many", { want: 9 }, /9 GPUs wanted, 8 of 8 fit/],
    [
      "too little memory",
      { want: ["0"], memory: 60 * 2 ** 30 },
      /GPU 0 \(NVIDIA H100.*\) has 40960 MiB of memory, wanted 61440 MiB/,
    ],
    [
      "an old driver",
      { driver: ">=590" },
      /1 GPU wanted, 0 of 8 fit: GPU 0 .* has driver 580\.65\.06, wanted >=590/,
    ],
    ["another model", { want: ["1"], model: "A100" }, /GPU 1 .* is no A100/],
  ] as const)("%s", (_, changes, expected) => expect(choose("dgx", changes)).toMatch(expected));

  it("a GPU that is out of service, one without known memory", () => {
    expect(choose("excluded", { want: ["0"] })).toMatch(/GPU 0 is excluded/);
    expect(choose("laptop", { want: ["0"], memory: 1 })).toMatch(/the memory of GPU 0 .* is unknown/);
  });
});

it("a GPU without a UUID is known by its address", () => {
  const [gpu] = findDriver(machine("unopened"))?.gpus ?? [];
  expect(gpu === undefined ? null : keyOf({ gpu, mig: null })).toBe("0000:01:00.0");
});

describe("requirements of images", () => {
  const facts = { driver: "535.104", cuda: cudaOf("535.104"), compute: "8.6", model: "NVIDIA A100-SXM" };
  const check = (text: string) =>
    requirementsOf({ NVIDIA_REQUIRE_CUDA: text }).map((requirement) => unmet(requirement, facts));

  it("hold when all of one alternative do", () => {
    expect(check("cuda>=12.1")).toEqual([null]);
    expect(check("cuda>=12.4 brand=a100,driver>=535,driver<536")).toEqual([null]);
    expect(check("arch>=8.0,driver=535")).toEqual([null]);
  });

  it("say what is wanted and what there is", () => {
    expect(check("cuda>=12.4 driver>=550")[0]).toBe(
      "NVIDIA_REQUIRE_CUDA asks for cuda>=12.4 or driver>=550, here are driver 535.104, CUDA 12.2, NVIDIA A100-SXM",
    );
  });

  it("are none when they are switched off", () =>
    expect(requirementsOf({ NVIDIA_REQUIRE_CUDA: "cuda>=99", NVIDIA_DISABLE_REQUIRE: "1" })).toEqual([]));
});
