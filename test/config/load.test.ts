import { describe, expect, test } from "vitest";
import { loadTracked } from "../../src/config/load.ts";
import { desiredOf, environmentOf, machine, memoryReader, problemsOf, projectDirectory } from "./support.ts";

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
      restart: { policy: "never", max: 10, backoff: 100 },
      health: null,
      dependsOn: {},
      isolation: { pid: true, uts: true, ipc: true, cgroup: true, user: "auto", time: false },
      mounts: [],
      network: { kind: "host" },
      gpus: null,
      devices: [],
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
      watch: [],
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

  test("leaves environments of inactive profiles as they are, even unresolved ones", async () => {
    const files = {
      "environments/a.yaml": "rootfs: host\n",
      "environments/gpu.yaml": "profiles: [gpu, big]\nenv: {X: '${NOT_SET}'}\n",
    };
    const desired = await desiredOf(files);
    expect(desired.environments.map(({ name }) => name)).toEqual(["a"]);
    expect(desired.inactive).toEqual(["gpu"]);
    const active = await desiredOf(files, { profiles: ["big"], env: { NOT_SET: "1" } });
    expect(active.environments.map(({ name }) => name)).toEqual(["a", "gpu"]);
    expect(active.inactive).toEqual([]);
  });

  test("takes only the files of -f as desired and the others of the project as they are", async () => {
    const files = { "environments/a.yaml": "rootfs: host\n", "environments/b.yaml": "rootfz: host\n" };
    const desired = await desiredOf(files, { files: ["environments/a.yaml"] });
    expect(desired.project).toMatchObject({ name: "demo", root: projectDirectory });
    expect(desired.environments.map(({ name }) => name)).toEqual(["a"]);
    expect(desired.inactive).toEqual(["b"]);
    const elsewhere = await desiredOf(
      { ...files, "/srv/x.yaml": "rootfs: host" },
      { files: ["/srv/x.yaml"] },
    );
    expect(elsewhere.project.root).toBe("/srv");
    expect(elsewhere.inactive).toEqual([]);
  });

  test("walks up to the repository's root and not beyond it", async () => {
    const files = { "environments/a.yaml": "rootfs: host\n", "src/deep/x": "" };
    const cwd = `${projectDirectory}/src/deep`;
    expect((await desiredOf(files, { cwd })).project.root).toBe(projectDirectory);
    const loaded = await problemsOf({ ...files, "src/.git": "gitdir: elsewhere" }, { cwd });
    expect(loaded.map(({ code }) => code)).toEqual(["no-configuration"]);
  });

  test("passes over files that are there for others to extend", async () => {
    const desired = await desiredOf({
      "environments/_base.yaml": "tty: maybe\n",
      "environments/a.yaml": "{}\n",
    });
    expect(desired.environments.map(({ name }) => name)).toEqual(["a"]);
  });

  test("reads several documents of one file, and pavlos.yaml beside environments/", async () => {
    const desired = await desiredOf({
      "pavlos.yaml": "name: a\n---\nname: b\nlabels: &l {x: y}\nenv: *l\n",
      "environments/c.yml": "rootfs: host\n",
    });
    expect(desired.environments.map(({ name, env }) => [name, env])).toEqual([
      ["a", {}],
      ["b", { x: "y" }],
      ["c", {}],
    ]);
  });

  test("fills in numbers and booleans before it looks at types", async () => {
    const text =
      "resources:\n  cpus: ${CPUS}\n  memory: ${MEMORY:-1GiB}\ntty: ${TTY:-true}\nenv:\n  N: ${CPUS}\n";
    const environment = await environmentOf(text, { env: { CPUS: "1.50" } });
    expect(environment.resources).toMatchObject({ cpus: 1.5, memory: 2 ** 30 });
    expect(environment.tty).toBe(true);
    expect(environment.env).toEqual({ N: "1.50" });
  });

  test("prefers the caller's variables to those of .env, and env to envFile", async () => {
    const files = {
      ".env": "A=file\nB=file\n",
      "environments/x.env": "ONE=1\nTWO=1\n",
      "environments/y.env": "TWO=2\nTHREE=2\n",
      "environments/it.yaml": "envFile: [x.env, y.env]\nenv: {THREE: 3, A: '${A}', B: '${B}'}\n",
    };
    const desired = await desiredOf(files, { env: { A: "caller" } });
    expect(desired.environments[0]?.env).toEqual({ ONE: "1", TWO: "2", THREE: "3", A: "caller", B: "file" });
    expect(desired.files).toContain(`${projectDirectory}/.env`);
  });

  test("makes paths absolute from the file in which they are written", async () => {
    const files = {
      "environments/it.yaml": [
        "rootfs: ../root.tar.zst",
        "workdir: ~/src",
        "mounts:",
        "  - ./data:/data:ro",
        "  - ~/cache:~/.cache/",
        "  - pip:/var/cache/pip",
        "  - {source: ./new, target: /new, create: true}",
        "  - {type: tmpfs, target: /tmp, size: 1MiB}",
      ].join("\n"),
      "environments/data/x": "",
      "root.tar.zst": "",
      "/home/ada/cache/x": "",
    };
    const [environment] = (await desiredOf(files)).environments;
    expect(environment?.rootfs).toEqual({
      kind: "archive",
      archive: `${projectDirectory}/root.tar.zst`,
      sha256: null,
    });
    expect(environment?.workdir).toBe("/home/ada/src");
    const data = `${projectDirectory}/environments`;
    expect(environment?.mounts).toEqual([
      { type: "bind", source: `${data}/data`, target: "/data", readonly: true, create: false },
      { type: "bind", source: "/home/ada/cache", target: "/home/ada/.cache", readonly: false, create: false },
      { type: "volume", source: "pip", target: "/var/cache/pip", readonly: false },
      { type: "bind", source: `${data}/new`, target: "/new", readonly: false, create: true },
      { type: "tmpfs", target: "/tmp", readonly: false, size: 2 ** 20 },
    ]);
  });

  test("runs texts by a shell and lists as they are, in command and hooks", async () => {
    const environment = await environmentOf("command: echo $HOME\nhooks:\n  created: [a b, [c, 1]]\n");
    expect(environment.command).toEqual(["/bin/sh", "-c", "echo $HOME"]);
    expect(environment.hooks.created).toEqual([
      ["/bin/sh", "-c", "a b"],
      ["c", "1"],
    ]);
  });

  test("never puts a secret's value into the desired state", async () => {
    const text = "secrets: {TOKEN: {env: TOKEN}, KEY: {file: /home/ada/key}}\n";
    const files = { "environments/it.yaml": text, "/home/ada/key": "hush-file" };
    const desired = await desiredOf(files, { env: { TOKEN: "hush-env" } });
    expect(desired.environments[0]?.secrets).toEqual({
      TOKEN: { kind: "env", variable: "TOKEN" },
      KEY: { kind: "file", path: "/home/ada/key" },
    });
    expect(JSON.stringify([desired.environments, [...desired.places]])).not.toContain("hush");
  });

  test("names the files and directories to follow, also when loading fails", async () => {
    const reader = memoryReader({ [`${projectDirectory}/environments/a.yaml`]: "extends: b.yaml\n" });
    const loaded = await loadTracked({ cwd: projectDirectory, host: machine, env: {}, reader });
    expect(loaded.result.ok).toBe(false);
    const names = loaded.files.map((file) => file.slice(projectDirectory.length + 1));
    expect(names).toEqual(
      expect.arrayContaining([
        "environments/a.yaml",
        "environments/b.yaml",
        "pavlos.config.ts",
        "pavlos.yaml",
        ".env",
      ]),
    );
    expect(loaded.directories).toEqual([`${projectDirectory}/environments`]);
  });
});
