import type { Environment } from "../../../src/model/environment.ts";
import type { ImpactTable } from "../../../src/model/impact.ts";
import type { Desired, ProjectIdentity } from "../../../src/model/project.ts";

export const project: ProjectIdentity = { id: "demo-0123abcd", name: "demo", root: "/home/me/demo" };

/** A whole environment with the defaults of the format; an idle one on the host's root. */
export function environment(name: string, changes: Partial<Environment> = {}): Environment {
  return {
    name,
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
    hostname: name,
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
      shm: 64 * 1024 * 1024,
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
    ...changes,
  };
}

/** As the schema's metadata says. */
export const impacts: ImpactTable = {
  name: "recreate",
  profiles: "record",
  labels: "record",
  rootfs: "recreate",
  readonly: "restart",
  persist: "record",
  command: "restart",
  workdir: "restart",
  user: "restart",
  env: "live",
  secrets: "restart",
  hostname: "live",
  init: "restart",
  tty: "restart",
  stop: "live",
  restart: "live",
  health: "live",
  dependsOn: "record",
  isolation: "restart",
  mounts: "live",
  gpus: "live",
  devices: "live",
  network: "restart",
  resources: "live",
  "resources.ulimits": "restart",
  "resources.shm": "restart",
  security: "restart",
  hooks: "live",
  watch: "record",
};

/** What config/ would have found. */
export function desired(environments: readonly Environment[], changes: Partial<Desired> = {}): Desired {
  return {
    project,
    environments: environments.toSorted((left, right) => (left.name < right.name ? -1 : 1)),
    inactive: [],
    places: new Map(),
    impacts,
    files: environments.map(({ name }) => `${project.root}/environments/${name}.yaml`),
    origin: new Map(
      environments.map(({ name }) => [
        name,
        { file: `${project.root}/environments/${name}.yaml`, line: 1, column: 1 },
      ]),
    ),
    ...changes,
  };
}
