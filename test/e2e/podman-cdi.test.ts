import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MachineName, machines } from "../fixtures/nvidia/machines.ts";
import { writeTree } from "../fixtures/nvidia/tree.ts";
import { callers } from "./support/callers.ts";
import { decimal } from "./support/inventory.ts";
import { parent, podmanClient, removeParents } from "./support/podman.ts";
import { busyboxRoot } from "./support/roots.ts";
import { expectCode, type Outcome, type World, world } from "./support/world.ts";

const fixtures: readonly MachineName[] = [
  "dgx",
  "proprietary",
  "mig",
  "split",
  "laptop",
  "unopened",
  "excluded",
  "wsl",
  "tegra",
];

/** Of each node its path and numbers; then where something is mounted. */
const script =
  "busybox find /dev -type c -exec busybox stat -c '%n %t:%T' {} +; busybox awk '{ print \"at\", $5 }' /proc/self/mountinfo";

/** Nodes that every container has, and those of a fixture that belong to no GPU in service. */
const others = /^\/dev\/(null|zero|full|u?random|tty|console|ptmx|pts\/.*) |imex|nvidia-cap[12] /;

/** Of GPU 0 of the machine "excluded". */
const excluded = /^\/dev\/(nvidia4|dri\/card1|dri\/renderD128) /;

describe.each(callers().filter(({ kind }) => kind === "root"))("podman as $kind", (caller) => {
  let at: World;
  let podman: (...args: string[]) => Outcome;

  beforeAll(() => {
    at = world(caller);
    busyboxRoot(at);
    // This podman reads CDI files from /etc/cdi alone: an /etc of its own has one.
    mkdirSync(join(at.directory, "etc/cdi"), { recursive: true });
    const etc = `mount -t overlay -o lowerdir=${join(at.directory, "etc")}:/etc none /etc && exec "$0" "$@"`;
    podman = podmanClient(at, ["unshare", "--mount", "sh", "-c", etc]);
  });
  afterAll(() => {
    podman("rm", "--all", "--force", "--time", "1");
    removeParents(at);
    at.end();
  });

  const give = (name: string) =>
    podman(
      ...["run", "--rm", "--network", "none", ...parent(at), "--device", name],
      ...["--rootfs", join(at.project, "root"), "/bin/sh", "-c", script],
    );

  it.each(fixtures)(
    "gives the GPUs of %s by the CDI file that pavlos wrote, and no others by another name",
    (name) => {
      const root = writeTree(join(at.directory, name.replaceAll(" ", "-")), machines[name]);
      const file = join(at.directory, "etc/cdi/nvidia.json");
      const env = { PAVLOS_DRIVER_ROOT: root };
      expectCode(at.pavlosWith({ env }, "gpu", "cdi", "--output", file), 0);
      const seen = expectCode(give("nvidia.com/gpu=all"), 0).stdout.split("\n");
      const nodes = seen
        .filter((line) => line.startsWith("/dev/") && !others.test(line))
        .map((line) => line.replace(/\S+$/, decimal));
      const expected = Object.entries(machines[name].nodes)
        .map(([path, [major, minor]]) => `${path} ${major}:${minor}`)
        .filter((line) => !others.test(line) && !(name === "excluded" && excluded.test(line)));
      expect(nodes.sort()).toEqual(expected.sort());
      expect(seen.filter((line) => /^at \S+\/libcuda\.so\.1$/.test(line))).toHaveLength(1);
      expect(expectCode(give("nvidia.com/gpu=99"), 126).stderr).toMatch(/unresolvable CDI devices.*gpu=99/);
    },
  );
});
