import { describe, expect, test } from "vitest";
import { desiredOf, environmentOf, problemsOf, projectDirectory } from "./support.ts";

describe("loadProject", () => {
  test("fills in every default of an environment that says next to nothing", async () => {
    const environment = await environmentOf("rootfs: host\n");
    expect(environment).toEqual({
      name: "it",
      profiles: [],
      labels: {},
      rootfs: { kind: "host" },
      readonly: false,
      persist: true,
      command: [],
      workdir: null,
      user: null,
      env: {},
      secrets: {},
      hostname: "it",
      init: true,
      tty: false,
      stop: { signal: "SIGTERM", timeout: 10_000 },
      isolation: { pid: true, uts: true, ipc: true, cgroup: true, user: "auto", time: false },
      mounts: [],
      network: { kind: "host" },
      resources: {
        cpus: null,
        cpuset: null,
        cpuWeight: null,
        memory: null,
        swap: null,
        pids: null,
        io: null,
        shm: 64 * 2 ** 20,
        ulimits: {},
        oomScore: null,
      },
      security: {
        capabilities: { add: [], drop: [] },
        seccomp: "default",
        noNewPrivileges: true,
        masks: true,
        privileged: false,
      },
      hooks: { created: [], started: [], stopping: [] },
    });
  });

  test("freezes what it returns, deeply", async () => {
    const environment = await environmentOf("env: {A: b}\n");
    expect(Object.isFrozen(environment.env)).toBe(true);
    expect(Object.isFrozen(environment.resources.ulimits)).toBe(true);
  });

  test("keeps numbers as they were written where text is wanted", async () => {
    const environment = await environmentOf(
      "command: [sleep, 1.50]\nenv: {VERSION: 1.10, ON: yes, HEX: 0x10}\n",
    );
    expect(environment.command).toEqual(["sleep", "1.50"]);
    expect(environment.env).toEqual({ VERSION: "1.10", ON: "yes", HEX: "0x10" });
  });

  test("sorts environments by name, whatever the order of the files", async () => {
    const desired = await desiredOf({
      "environments/b.yaml": "{}",
      "pavlos.yaml": "name: c",
      "environments/a.yaml": "{}",
    });
    expect(desired.environments.map(({ name }) => name)).toEqual(["a", "b", "c"]);
    expect(desired.project).toMatchObject({ name: "demo", root: projectDirectory });
    expect(desired.project.id).toMatch(/^demo-[0-9a-f]{8}$/);
  });

  test("says where each value was written", async () => {
    const desired = await desiredOf({ "environments/it.yaml": "env:\n  A: b\nresources:\n  memory: 1GiB\n" });
    const file = `${projectDirectory}/environments/it.yaml`;
    expect(desired.places.get("it")?.get("resources.memory")).toEqual({ file, line: 4, column: 11 });
    expect(desired.places.get("it")?.get("resources")).toEqual({ file, line: 3, column: 1 });
    expect(desired.origin.get("it")).toEqual({ file, line: 1, column: 1 });
    expect(desired.files).toEqual([file]);
  });

  test("returns the problems of all files at once, each with its place", async () => {
    const problems = await problemsOf({
      "environments/a.yaml": "rootfz: host\n",
      "environments/b.yaml": "tty: 1\ninit: 2\n",
    });
    expect(problems.map(({ code, place }) => [code, place?.file.split("/").at(-1), place?.line])).toEqual([
      ["unknown-key", "a.yaml", 1],
      ["wrong-type", "b.yaml", 1],
      ["wrong-type", "b.yaml", 2],
    ]);
  });
});
