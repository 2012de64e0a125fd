/** Facts about the machine, read once per command; what pure code is given instead of the machine. */
export interface HostFacts {
  /** "6.18.44-..." */
  readonly kernel: string;
  /** "x64", "arm64" as Node names them. */
  readonly arch: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly caller: Caller;
  readonly cgroup: CgroupFacts;
}

export interface Caller {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
  readonly group: string;
  readonly home: string;
  readonly shell: string;
  /** Ranges of /etc/subuid and /etc/subgid that newuidmap will grant; empty: single-id mapping. */
  readonly subuids: readonly IdRange[];
  readonly subgids: readonly IdRange[];
  /** Both newuidmap and newgidmap are installed. */
  readonly mapHelpers: boolean;
}

export interface IdRange {
  readonly start: number;
  readonly count: number;
}

export interface CgroupFacts {
  /** Controllers that this caller can limit, in either hierarchy: "memory", "cpu", "pids", ... */
  readonly controllers: readonly string[];
  readonly version: 1 | 2 | "hybrid" | "none";
  /**
   * argv to put in front of a program that makes containers or enters them: it moves into a group
   * where this caller may set limits (a scope of the user's systemd). Empty: not needed, or not to be had.
   */
  readonly scope: readonly string[];
}
