import { lstatSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Expected, expectations } from "../fixtures/nvidia/expected.ts";
import { dgxGpus, type MachineName, machines } from "../fixtures/nvidia/machines.ts";
import { writeTree } from "../fixtures/nvidia/tree.ts";
import { callers } from "./support/callers.ts";
import {
  above,
  added,
  cachedLibraries,
  type Inventory,
  inventoryScript,
  openable,
  parseInventory,
} from "./support/inventory.ts";
import { thirdGpuBox } from "./support/legacy.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type Ps, type World, world } from "./support/world.ts";

const home = "/usr/local/nvidia";
const byMachine = [...Map.groupBy(Object.entries(expectations), ([, { machine }]) => machine).entries()];

describe.each(callers())("what GPUs bring into a container, as $kind", (caller) => {
  let at: World;
  let bare: Inventory;
  const roots = new Map<MachineName, string>();

  const driver = (name: MachineName): string => {
    const directory = join(at.directory, `machine-${name.replaceAll(" ", "-")}`);
    const root = roots.get(name) ?? writeTree(directory, machines[name]);
    roots.set(name, root);
    return root;
  };
  const on = (name: MachineName, ...args: string[]) =>
    at.pavlosWith({ env: { PAVLOS_DRIVER_ROOT: driver(name) } }, ...args);
  const inside = (name: string) =>
    parseInventory(expectCode(at.pavlos("exec", name, "--", "sh", "-c", inventoryScript), 0).stdout);
  /** What came; the files that each container has of its own are no part of it, nor is the cache's place. */
  const files = (seen: Inventory) =>
    sorted(added(seen.files, bare.files)).filter(
      (line) => !/^\/etc\/(hosts|hostname|resolv\.conf|ld\.so\.cache) /.test(line),
    );
  const environment = (name: string, root: string, gpus: string) =>
    at.write(`environments/${name}.yaml`, `rootfs: ../${root}\ncommand: [sleep, '1000']\ngpus: ${gpus}\n`);

  beforeAll(() => {
    at = world(caller);
    busyboxRoot(at);
    for (const [name, { gpus }] of Object.entries(expectations)) environment(name, "root", gpus);
    environment("bare", "root", "none");
    expectCode(on("dgx", "apply", "bare", "--yes"), 0);
    bare = inside("bare");
  });
  afterAll(() => at.end());

  it("is nothing when none is asked for, whatever the machine has", () => {
    const names = [...bare.files.keys(), ...bare.env.keys(), ...bare.mounts.keys()];
    expect(names.filter((name) => /nvidia|cuda|dxg|\bdri\b/i.test(name))).toEqual([]);
    expect(bare.cache.length).toBe(0);
  });

  it("in a root with musl and gcompat is found by the path file of its loader, which is gone again without GPUs", () => {
    const root = busyboxRoot(at, "alpine");
    const arm = process.arch === "arm64";
    const loader = `/lib/ld-musl-${arm ? "aarch64" : "x86_64"}`;
    const put = (path: string) => {
      at.command("mkdir", "-p", join(root, dirname(path)));
      at.command("touch", join(root, path));
    };
    put(`${loader}.so.1`);
    environment("alpine", "alpine", "all");
    const refused = on("laptop", "apply", "alpine", "--yes");
    expectCode(refused, 1);
    expect(refused.stderr).toMatch(
      /need glibc, and the root has musl\n --> environments\/alpine\.yaml:3:7[\s\S]*apk add gcompat/,
    );
    expect(rows(at).find(({ name }) => name === "alpine")?.pid ?? null).toBeNull();
    environment("alpine", "alpine", "{capabilities: []}");
    expectCode(on("laptop", "apply", "alpine", "--yes"), 0);
    expect(inside("alpine").searched).toEqual([]);
    put(arm ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2");
    environment("alpine", "alpine", "all");
    expectCode(on("laptop", "apply", "alpine", "--yes"), 0);
    const seen = inside("alpine");
    expect(seen.searched).toEqual(["/lib", "/usr/local/lib", "/usr/lib", `${home}/lib64`]);
    expect(seen.cache.length).toBe(0);
    environment("alpine", "alpine", "none");
    expectCode(on("laptop", "apply", "alpine", "--yes"), 0);
    expect(inside("alpine").searched).toEqual([]);
  });

  it.each(byMachine)("on the machine %s is exactly the expected set", (machine, sets) => {
    const names = sets.map(([name]) => name);
    expectCode(on(machine, "apply", ...names, "--yes"), 0);
    for (const [name, expected] of sets) {
      const seen = inside(name);
      expect(files(seen)).toEqual(sorted(filesOf(expected, driver(machine))));
      expect([...writable(seen, bare), ...seen.closed]).toEqual([]);
      expect(Object.fromEntries(added(seen.env, bare.env))).toEqual({
        ...variablesOf(expected, bare),
        PAVLOS_ENVIRONMENT: name,
      });
      expect(sorted(cachedLibraries(seen.cache, at.directory))).toEqual(sorted(loadable(expected)));
    }
    expectCode(on(machine, "diff", ...names), 0);
  });

  // Who is not root has no device rules: then /dev is the policy.
  if (caller.kind === "root")
    it("may be opened, and no other node of the machine", () => {
      const pids = new Map(rows(at).map(({ name, pid }) => [name, pid ?? 0]));
      const nodesOf = (name: MachineName) =>
        Object.keys(machines[name].nodes).map((node) => join(driver(name), node));
      expect(openable(pids.get("bare") ?? 0, nodesOf("dgx"))).toEqual([]);
      for (const [name, { machine, nodes }] of Object.entries(expectations))
        expect([name, ...openable(pids.get(name) ?? 0, nodesOf(machine)).sort()]).toEqual([
          name,
          ...Object.keys(nodes)
            .map((node) => join(driver(machine), node))
            .sort(),
        ]);
    });

  const mountsOf = ({ mounts }: Inventory) => [...mounts.keys()].filter((path) => path.startsWith(home));

  // Others can only mount the driver's files one by one.
  if (caller.kind === "root")
    it("is one mount of the driver; where that is on another file system, one for each file", () => {
      const [[name, expected] = expect.unreachable()] = byMachine[0]?.[1] ?? [];
      expectCode(on(expected.machine, "apply", name, "--yes"), 0);
      expect(mountsOf(inside(name))).toEqual([home]);
      const elsewhere = mkdtempSync("/dev/shm/pavlos-driver-");
      try {
        const env = { PAVLOS_DRIVER_ROOT: writeTree(elsewhere, machines[expected.machine]) };
        expectCode(at.pavlosWith({ env }, "apply", name, "--yes"), 0);
        const seen = inside(name);
        expect(files(seen)).toEqual(sorted(filesOf(expected, elsewhere)));
        const own = Object.keys(expected.files).filter((path) => path.startsWith(home));
        expect(mountsOf(seen).sort()).toEqual([home, ...own].sort());
        expectCode(at.pavlosWith({ env }, "diff", name), 0);
        expectCode(at.pavlos("destroy", name, "--yes"), 0);
      } finally {
        rmSync(elsewhere, { recursive: true, force: true });
      }
    });

  it.each([
    ["mismatch", "the driver 570.86.15 is loaded, but the installed libraries are of 580.65.06"],
    ["none", "no NVIDIA driver is loaded"],
  ] as const)("is refused on the machine %s; optional, it is nothing", (name, message) => {
    environment("refused", "root", "all");
    const refused = expectCode(on(name, "apply", "refused", "--yes"), 1);
    expect(refused.stderr).toContain(message);
    if (name !== "none") return;
    environment("refused", "root", "{optional: true}");
    expect(expectCode(on(name, "apply", "refused", "--yes"), 0).stderr).toContain("goes on without GPUs");
    expect(files(inside("refused"))).toEqual([]);
  });

  it("nvidiaGpus: [2] of the first Pavlos is the third GPU and no other", () => {
    const file = thirdGpuBox(at, inventoryScript);
    const seen = parseInventory(expectCode(on("dgx", "run", file), 0).stdout);
    const nodes = [...added(seen.files, bare.files).keys()].filter((path) => path.startsWith("/dev/nvidia"));
    expect(nodes.sort()).toEqual(
      ["nvidia-uvm", "nvidia-uvm-tools", `nvidia${dgxGpus[2]?.minor}`, "nvidiactl"].map(
        (name) => `/dev/${name}`,
      ),
    );
  });
});

/** Path -> as an inventory has it, with the directories above. */
function filesOf({ nodes, files, links }: Expected, machine: string): Map<string, string> {
  const found = new Map<string, string>(Object.entries(nodes));
  for (const [path, source] of Object.entries(files)) {
    const { dev, ino } = lstatSync(join(machine, source));
    found.set(path, `${dev}:${ino}`);
  }
  for (const [path, target] of Object.entries(links)) found.set(path, `-> ${target}`);
  for (const name of ["bin", "lib", "lib64"]) found.set(`${home}/${name}`, "directory");
  const usual = ["/", "/dev", "/etc", "/usr", "/usr/bin"];
  for (const path of [...found.keys()].flatMap(above))
    if (!usual.includes(path)) found.set(path, "directory");
  return found;
}

/** PATH leads to the driver's programs, where it has any. */
function variablesOf({ files }: Expected, bare: Inventory): Readonly<Record<string, string>> {
  const hasPrograms = Object.keys(files).some((path) => path.startsWith(`${home}/bin/`));
  const path = hasPrograms ? { PATH: `${bare.env.get("PATH")}:${home}/bin` } : {};
  return { NVIDIA_VISIBLE_DEVICES: "void", ...path };
}

/** What the loader knows afterwards: every name in lib64. */
function loadable({ files, links }: Expected): Map<string, string> {
  const paths = [...Object.keys(files), ...Object.keys(links)].filter((path) =>
    path.startsWith(`${home}/lib64/`),
  );
  return new Map(paths.map((path) => [path.slice(path.lastIndexOf("/") + 1), path]));
}

/** Mounts that came with the GPUs and may be written to. */
const writable = (seen: Inventory, bare: Inventory): string[] =>
  [...added(seen.mounts, bare.mounts)]
    .filter(([path, options]) => !path.startsWith("/dev/") && !options.includes("ro"))
    .map(([path]) => path);

const rows = (at: World): readonly Ps[] => JSON.parse(expectCode(at.pavlos("ps", "--json"), 0).stdout);

const sorted = (map: ReadonlyMap<string, string>): string[] =>
  [...map].map(([path, value]) => `${path} ${value}`).sort();
