import { blockIo, bytes, deploy, devices, gpuDevices, number, shares, ulimits } from "./compose-limits.ts";
import { fileMounts, mounts, type Names, tmpfs } from "./compose-mounts.ts";
import { hosts, list, networkMode, networks, ports } from "./compose-network.ts";
import { command, dependencies, health, restart, security } from "./compose-process.ts";
import {
  type At,
  type Draft,
  eachKey,
  type Handler,
  items,
  keyed,
  lose,
  pairs,
  push,
  put,
  textOf,
} from "./findings.ts";
import { duration, slug, variables } from "./words.ts";

export interface ServiceContext {
  readonly names: Names;
  /** `secrets` and `configs` of the whole file. */
  readonly secrets: At | undefined;
  readonly configs: At | undefined;
}

/** One service of a compose file: each key becomes fields of an environment or is lost with a reason. */
export function translateService(draft: Draft, at: At, context: ServiceContext): undefined {
  const handlers = { ...processKeys(draft, context), ...otherKeys(draft, context), ...lostKeys(draft) };
  eachKey(draft, at, handlers, () => "unknown to this import");
}

/** What runs, and with which rights. */
function processKeys(draft: Draft, { names }: ServiceContext): Record<string, Handler> {
  const whole: { entrypoint: At | null; command: At | null } = { entrypoint: null, command: null };
  const text = (to: string) => (at: At) => filled(draft, at, to);
  const flag = (to: string) => (at: At) => put(draft, at, to, textOf(at) === "true");
  return {
    image: text("rootfs.image"),
    platform: text("rootfs.platform"),
    pull_policy: (at) => pullPolicy(draft, at),
    entrypoint: (at) => {
      whole.entrypoint = at;
      command(draft, whole);
    },
    command: (at) => {
      whole.command = at;
      command(draft, whole);
    },
    working_dir: text("workdir"),
    user: text("user"),
    hostname: text("hostname"),
    environment: (at) => {
      for (const [key, value, item] of pairs(at)) environment(draft, item, { key, value });
    },
    env_file: (at) => envFiles(draft, at, names),
    labels: (at) => {
      for (const [key, value, item] of pairs(at)) put(draft, item, keyed("labels", key), value ?? "");
    },
    profiles: (at) => list(draft, at, "profiles"),
    init: flag("init"),
    tty: flag("tty"),
    read_only: flag("readonly"),
    privileged: flag("security.privileged"),
    cap_add: (at) => capabilities(draft, at, "add"),
    cap_drop: (at) => capabilities(draft, at, "drop"),
    security_opt: (at) => security(draft, at, names),
    stop_signal: text("stop.signal"),
    stop_grace_period: (at) => timed(draft, at, "stop.timeout"),
    restart: (at) => restart(draft, at),
    healthcheck: (at) => health(draft, at),
    depends_on: (at) => dependencies(draft, at),
  };
}

/** What it has: files, networks, limits, devices. */
function otherKeys(draft: Draft, { names, secrets, configs }: ServiceContext): Record<string, Handler> {
  const shareHost = (to: string) => (at: At) =>
    textOf(at) === "host" ? put(draft, at, to, false) : lose(draft, at, "only `host` has a counterpart");
  return {
    volumes: (at) => mounts(draft, at, names),
    tmpfs: (at) => tmpfs(draft, at),
    secrets: (at) => fileMounts(draft, at, { names, defined: secrets, directory: "/run/secrets/" }),
    configs: (at) => fileMounts(draft, at, { names, defined: configs, directory: "/" }),
    ports: (at) => ports(draft, at),
    networks: (at) => networks(draft, at),
    network_mode: (at) => networkMode(draft, at),
    dns: (at) => list(draft, at, "network.dns"),
    extra_hosts: (at) => hosts(draft, at),
    devices: (at) => devices(draft, at),
    gpus: (at) => gpuDevices(draft, at),
    runtime: (at) =>
      textOf(at) === "nvidia"
        ? put(draft, at, "gpus", "all", "the runtime nvidia: all GPUs")
        : lose(draft, at, "there is one runtime"),
    deploy: (at) => deploy(draft, at, (policy) => restart(draft, policy)),
    cpus: (at) => number(draft, at, "resources.cpus"),
    cpuset: (at) => filled(draft, at, "resources.cpuset"),
    cpu_shares: (at) => shares(draft, at),
    mem_limit: (at) => bytes(draft, at, "resources.memory"),
    pids_limit: (at) => number(draft, at, "resources.pids"),
    shm_size: (at) => bytes(draft, at, "resources.shm"),
    oom_score_adj: (at) => put(draft, at, "resources.oomScore", Number(textOf(at))),
    ulimits: (at) => ulimits(draft, at),
    blkio_config: (at) => blockIo(draft, at),
    pid: shareHost("isolation.pid"),
    ipc: shareHost("isolation.ipc"),
    uts: shareHost("isolation.uts"),
    userns_mode: shareHost("isolation.user"),
    cgroup: shareHost("isolation.cgroup"),
  };
}

/** Keys that are known and have nothing here, with what to do instead. */
const lost: Readonly<Record<string, string>> = {
  annotations: "nothing reads them here",
  attach: "output is in `pavlos logs`",
  build: "no Dockerfile is built: name an image, or write `rootfs: {from, steps}`",
  cgroup_parent: "Pavlos makes the cgroups",
  container_name: "an environment is called as its service",
  credential_spec: "is for Windows",
  develop: "write `watch` rules",
  dns_opt: "has no counterpart",
  dns_search: "has no counterpart",
  domainname: "write it into `hostname`",
  expose: "environments of one network reach every port of each other",
  extends: "write `extends` with the imported file of that service",
  external_links: "has no counterpart",
  group_add: "further groups are not added",
  isolation: "is for Windows",
  label_file: "write the labels into `labels`",
  links: "environments of one network find each other by name; write `dependsOn` for the order",
  logging: "output is kept by Pavlos, 5 files of 10 MiB: `pavlos logs`",
  mac_address: "has no counterpart",
  mem_reservation: "nothing is reserved here",
  mem_swappiness: "has no counterpart",
  memswap_limit: "write `resources.swap`: the swap on top of memory",
  oom_kill_disable: "has no counterpart",
  post_start: "write `hooks.started`",
  pre_stop: "write `hooks.stopping`",
  provider: "has no counterpart",
  scale: "one environment is one container",
  stdin_open: "enter it with `pavlos shell` or `pavlos exec`",
  storage_opt: "has no counterpart",
  sysctls: "has no counterpart",
  volumes_from: "write the mounts of that service here",
};

const lostKeys = (draft: Draft): Readonly<Record<string, Handler>> =>
  Object.fromEntries(Object.entries(lost).map(([key, why]) => [key, (at: At) => lose(draft, at, why)]));

/** A text in which variables may stand. */
function filled(draft: Draft, at: At, to: string): undefined {
  const text = textOf(at);
  const value = text === null ? null : variables(text);
  if (value === null) lose(draft, at, "empty, or a variable in a form that cannot be said here");
  else put(draft, at, to, value);
}

function environment(
  draft: Draft,
  at: At,
  { key, value }: { readonly key: string; readonly value: string | null },
): undefined {
  const to = keyed("env", key);
  if (value === null) return put(draft, at, to, `\${${key}:-}`, "the caller's, empty when it is not set");
  const text = variables(value);
  if (text === null) lose(draft, at, "a variable in a form that cannot be said here");
  else put(draft, at, to, text);
}

function envFiles(draft: Draft, at: At, { path }: Names): undefined {
  for (const item of items(at)) {
    const file = item.node.kind === "map" ? item.node.entries.get("path")?.value : item.node;
    if (file?.kind !== "scalar") {
      lose(draft, item, "it names no path");
      continue;
    }
    const note = item.node.kind === "map" ? "the file has to exist" : null;
    push(draft, item, "envFile", path(file.text), note);
  }
}

function capabilities(draft: Draft, at: At, what: "add" | "drop"): undefined {
  for (const item of items(at))
    push(draft, item, `security.capabilities.${what}`, (textOf(item) ?? "").replace(/^CAP_/, ""));
}

function pullPolicy(draft: Draft, at: At): undefined {
  const policies: Readonly<Record<string, string>> = {
    always: "always",
    never: "never",
    missing: "missing",
    if_not_present: "missing",
  };
  const policy = policies[textOf(at) ?? ""];
  if (policy === undefined) lose(draft, at, "always, never and missing have a counterpart");
  else put(draft, at, "rootfs.pull", policy);
}

function timed(draft: Draft, at: At, to: string): undefined {
  const value = duration(textOf(at) ?? "");
  if (value === null) lose(draft, at, "not a duration that can be understood");
  else put(draft, at, to, value);
}

/** The environment that a service becomes. */
export const environmentName = slug;
