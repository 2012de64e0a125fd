import type { HostFacts } from "../../src/model/host.ts";
import { success } from "../../src/model/result.ts";
import type { Native, NativeOutcome } from "../../src/native/native.ts";
import type { Context } from "../../src/providers/provider.ts";
import type { Flock } from "../../src/state/lock.ts";
import { type LockFile, openLockFile } from "../../src/state/lock-file/lock-file.ts";
import { memoryFiles } from "../host/support/memory-files.ts";
import { project } from "../reconcile/support/environments.ts";

/** Facts of a machine; root's on version 1 unless changed. */
export function host(caller: Partial<HostFacts["caller"]> = {}, more: Partial<HostFacts> = {}): HostFacts {
  const root = {
    uid: 0,
    gid: 0,
    name: "root",
    group: "root",
    home: "/root",
    shell: "/bin/sh",
    subuids: [],
    subgids: [],
    mapHelpers: true,
  };
  return {
    kernel: "6.12.0",
    arch: "x64",
    cpus: 4,
    memory: 2 ** 33,
    caller: { ...root, ...caller },
    cgroup: { controllers: ["cpu", "cpuset", "memory", "pids", "blkio"], version: 1, scope: [] },
    ...more,
  };
}

/** An ordinary user with subordinate ids. */
export const me = {
  uid: 1000,
  gid: 1000,
  name: "me",
  group: "me",
  home: "/home/me",
  shell: "/bin/bash",
  subuids: [{ start: 100_000, count: 65_536 }],
  subgids: [{ start: 100_000, count: 65_536 }],
};

export const context: Context = {
  project,
  place: (environment, path) => ({ file: `${environment}.yaml:${path}`, line: 1, column: 1 }),
  report: () => undefined,
  signal: new AbortController().signal,
};

/** A lock that nobody else holds. */
export const freeFlock: Flock = { try: () => success(true), wait: async () => success(true) };

/** A pavlosc that answers as the test says and remembers what it was asked. */
export function fakeNative(answer: (args: readonly string[], input: string) => Partial<NativeOutcome>) {
  const calls: { readonly args: readonly string[]; readonly input: string }[] = [];
  const native: Native = {
    run: async (args, options = {}) => {
      const input = options.input ?? "";
      calls.push({ args, input });
      return { code: 0, stdout: "", stderr: "", ...answer(args, input) };
    },
  };
  return { native, calls };
}

/** No project pins anything. */
export const noLocks = (root: string): LockFile => openLockFile(memoryFiles(), root);
