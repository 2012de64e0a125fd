import type { HostFacts } from "../../model/host.ts";
import type { Blocker } from "../../providers/network/firewalls.ts";

/** One thing that Pavlos needs of the machine. */
export interface Finding {
  readonly name: string;
  /** failed: environments cannot run. warning: something that some environments want is not there. */
  readonly status: "ok" | "warning" | "failed";
  /** One sentence: what was found. */
  readonly detail: string;
  /** Exactly what to type or write; empty when all is well. */
  readonly fix: string;
}

/** The machine as the checks see it: tests put another one here. */
export interface Machine {
  readonly facts: HostFacts;
  /** Text of a small file, null when it is not there. */
  readonly read: (path: string) => string | null;
  /** Bytes that this caller may still write where the path is; null: cannot be told. */
  readonly free: (path: string) => number | null;
  /** May this caller write to the path, or make it? */
  readonly writable: (path: string) => boolean;
  /** Makes a user namespace with this caller's mapping; null: works, else the reason. */
  readonly tryNamespace: () => string | null;
  /** Firewalls that drop what environments on networks send. */
  readonly blockers: readonly Blocker[];
  /** Absolute path of pavlosc, or why there is none. */
  readonly runtime: { readonly path: string } | { readonly missing: string };
  /** Data and run directory, or why there are none. */
  readonly state:
    | { readonly data: string; readonly run: string }
    | { readonly wrong: string; readonly hint: string };
}

export type Check = (machine: Machine) => Finding;

export const ok = (name: string, detail: string): Finding => ({ name, status: "ok", detail, fix: "" });
export const warning = (name: string, detail: string, fix: string): Finding => ({
  name,
  status: "warning",
  detail,
  fix,
});
export const failed = (name: string, detail: string, fix: string): Finding => ({
  name,
  status: "failed",
  detail,
  fix,
});
