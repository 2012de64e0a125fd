import type { Bootstrap, Step } from "./build.ts";
import type { Device, Gpus } from "./gpus.ts";

/**
 * The desired state of one environment: canonical, resolved, frozen. It is what the file means,
 * independent of how it was written: sizes are bytes, durations milliseconds, paths absolute,
 * defaults filled in. config/ makes it; everything after config/ reads only this.
 */
export interface Environment {
  /** [a-z0-9][a-z0-9-]*; unique in the project. */
  readonly name: string;
  readonly profiles: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly rootfs: Rootfs;
  /** The root is mounted read-only; there is no writable layer. */
  readonly readonly: boolean;
  /** True: the writable layer survives restart and reboot. False: fresh at each start. */
  readonly persist: boolean;
  /** argv of the main process; empty: an idle init to enter. */
  readonly command: readonly string[];
  /** Absolute path inside; null: the provider's default (project on the host root, else home or /). */
  readonly workdir: string | null;
  /** `me`, `root`, `uid[:gid]` or `name[:group]`; null: `me` for an ordinary user, else root. */
  readonly user: string | null;
  /** From env and envFile, interpolated; env wins over envFile. */
  readonly env: Readonly<Record<string, string>>;
  /** Where each secret comes from; values are read at start and never stored. */
  readonly secrets: Readonly<Record<string, SecretSource>>;
  readonly hostname: string;
  /** A reaper is pid 1. */
  readonly init: boolean;
  readonly tty: boolean;
  readonly stop: { readonly signal: string; readonly timeout: number };
  readonly restart: Restart;
  /** null: nobody looks. */
  readonly health: Health | null;
  /** By the name of the other environment. */
  readonly dependsOn: Readonly<Record<string, Condition>>;
  readonly isolation: Isolation;
  readonly mounts: readonly Mount[];
  readonly network: Network;
  /** null: none. */
  readonly gpus: Gpus | null;
  readonly devices: readonly Device[];
  readonly resources: Resources;
  readonly security: Security;
  readonly hooks: Hooks;
  /** What `pavlos watch` does when files change. */
  readonly watch: readonly WatchRule[];
}

/** A rule of `watch`: `path` is an absolute path of the host, `ignore` has patterns as in .gitignore. */
export type WatchRule = {
  readonly path: string;
  readonly ignore: readonly string[];
} & (
  | { readonly action: "restart" | "rebuild" }
  /** target: absolute, inside. */
  | { readonly action: "sync"; readonly target: string }
  | { readonly action: "exec"; readonly command: readonly string[] }
);

export type Rootfs =
  | { readonly kind: "host" }
  | { readonly kind: "path"; readonly path: string; readonly mode: "overlay" | "direct" }
  | {
      readonly kind: "archive";
      /** Absolute path of a local file, or an https:// address. */
      readonly archive: string;
      /** Hex digest of the archive's bytes, where the file pins one. */
      readonly sha256: string | null;
    }
  | Image
  | Bootstrap
  | Named
  | Build;

/** A root that the user keeps by a name: `pavlos rootfs create`. */
export interface Named {
  readonly kind: "named";
  readonly named: string;
}

/** Steps over another root, each a layer. */
export interface Build {
  readonly kind: "build";
  readonly from: Exclude<Rootfs, { kind: "host" | "path" | "build" }>;
  readonly steps: readonly Step[];
}

/** An image of a registry, a directory or an archive. */
export interface Image {
  readonly kind: "image";
  /**
   * Full name: "docker.io/library/debian:12"; or `oci:`, `oci-archive:` and `docker-archive:` with an
   * absolute path, or `simplestreams:` with a server and a product.
   */
  readonly image: string;
  /** "linux/amd64", "linux/arm/v7". */
  readonly platform: string;
  /** always: what the name stands for now; never: only what the store has. */
  readonly pull: "missing" | "always" | "never";
  /** Plain http, or a certificate that nobody vouches for, is fine. */
  readonly insecure: boolean;
  /** The image gets in only with a signature by one of these keys: absolute paths; absent: no matter. */
  readonly verify?: { readonly keys: readonly string[] };
  /** Of the platform's manifest ("sha256:..."), from pavlos.lock; null: not resolved. */
  readonly digest: string | null;
}

export type SecretSource =
  | { readonly kind: "env"; readonly variable: string }
  | { readonly kind: "file"; readonly path: string };

/** What the supervisor does after an end that nobody asked for. */
export interface Restart {
  readonly policy: "never" | "on-failure" | "always";
  /** So many in a row without a good run in between; null: unlimited. */
  readonly max: number | null;
  /** Milliseconds before the first; doubled with each that follows at once. */
  readonly backoff: number;
}

/** Times are milliseconds. */
export interface Health {
  readonly check: HealthCheck;
  readonly interval: number;
  readonly timeout: number;
  readonly retries: number;
  readonly startPeriod: number;
}

export type HealthCheck =
  | { readonly kind: "command"; readonly command: readonly string[] }
  | { readonly kind: "http"; readonly host: string; readonly port: number; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

/** What another environment must have reached before this one starts. */
export type Condition = "started" | "healthy" | "completed";

export interface Isolation {
  readonly pid: boolean;
  readonly uts: boolean;
  readonly ipc: boolean;
  readonly cgroup: boolean;
  /** auto: a user namespace when not root. */
  readonly user: "auto" | boolean;
  readonly time: boolean;
}

export type Mount =
  | {
      readonly type: "bind";
      /** Absolute path on the host. */
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
      /** Make the source directory when it is missing. */
      readonly create: boolean;
    }
  | {
      readonly type: "volume";
      /** Name of the volume within the project. */
      readonly source: string;
      readonly target: string;
      readonly readonly: boolean;
    }
  | {
      readonly type: "tmpfs";
      readonly target: string;
      readonly readonly: boolean;
      /** Bytes; null: the kernel's default (half of the memory). */
      readonly size: number | null;
    };

export type Network = { readonly kind: "host" } | { readonly kind: "none" } | OwnNetwork;

/** A network namespace of its own, joined to networks of the project. */
export interface OwnNetwork {
  readonly kind: "networks";
  /** Not empty. The first one that has a way out is the way out. */
  readonly networks: readonly NetworkDefinition[];
  /** Its address on the first network; null: one is chosen and kept. */
  readonly ip: string | null;
  readonly ports: readonly Port[];
  /** Names by which it is found besides its own. */
  readonly aliases: readonly string[];
  /** Addresses of name servers instead of the machine's; empty: the machine's. */
  readonly dns: readonly string[];
  /** More lines of /etc/hosts: name to address. */
  readonly hosts: Readonly<Record<string, string>>;
}

/** A network of the project, as each environment on it sees it. */
export interface NetworkDefinition {
  readonly name: string;
  /** "10.1.2.0/24"; null: one is chosen that nobody uses. */
  readonly subnet: string | null;
  /** The same for IPv6. */
  readonly subnet6: string | null;
  readonly ipv6: boolean;
  /** No way out of it, and none in. */
  readonly internal: boolean;
  /** Bytes; null: as the machine's way out. */
  readonly mtu: number | null;
}

/** `count` ports from `host` on lead to as many from `container` on. */
export interface Port {
  /** Of the host; null: all. */
  readonly address: string | null;
  /** null: a free one is chosen and kept. */
  readonly host: number | null;
  readonly container: number;
  readonly count: number;
  readonly protocol: "tcp" | "udp";
}

/** null: no limit of its own. */
export interface Resources {
  /** Number of processors, e.g. 1.5. */
  readonly cpus: number | null;
  /** e.g. "0-3,6". */
  readonly cpuset: string | null;
  /** cgroup v2 cpu.weight, 1 to 10000. */
  readonly cpuWeight: number | null;
  /** Bytes. */
  readonly memory: number | null;
  /** Bytes of swap on top of memory. */
  readonly swap: number | null;
  readonly pids: number | null;
  readonly io: Io | null;
  /** Bytes of /dev/shm; default 64 MiB. */
  readonly shm: number;
  readonly ulimits: Readonly<Record<string, Ulimit>>;
  /** oom_score_adj, -1000 to 1000. */
  readonly oomScore: number | null;
}

export interface Io {
  /** 1 to 10000. */
  readonly weight: number | null;
  /** By absolute path of a block device. */
  readonly devices: Readonly<Record<string, IoLimits>>;
}

/** Bytes and operations per second; null: unlimited. */
export interface IoLimits {
  readonly readBps: number | null;
  readonly writeBps: number | null;
  readonly readIops: number | null;
  readonly writeIops: number | null;
}

/** "unlimited" is RLIM_INFINITY. */
export interface Ulimit {
  readonly soft: number | "unlimited";
  readonly hard: number | "unlimited";
}

export interface Security {
  /** Names without CAP_, upper case, over the default set. */
  readonly capabilities: { readonly add: readonly string[]; readonly drop: readonly string[] };
  /** `default`, `unconfined` or the absolute path of a profile in OCI's JSON. */
  readonly seccomp: string;
  readonly noNewPrivileges: boolean;
  /** Masked and read-only paths of /proc and /sys. */
  readonly masks: boolean;
  readonly privileged: boolean;
}

/** Each a list of commands run inside, one after another; each command is an argv. */
export interface Hooks {
  /** Once, before the first start of a new container. */
  readonly created: readonly (readonly string[])[];
  /** After each start. */
  readonly started: readonly (readonly string[])[];
  /** Before each stop. */
  readonly stopping: readonly (readonly string[])[];
}
