import type { LiveLink } from "../../native/live.ts";
import type { OciDevice, OciDeviceRule } from "../../oci/oci-runtime.gen.ts";
import type { OciMount } from "../provider.ts";

/**
 * All that a container gets for its devices, from whatever source: the one form that is put into
 * config.json, into a running container, and into `devices.json` beside the bundle to be compared.
 */
export interface Attachment {
  readonly nodes: readonly AttachedNode[];
  readonly mounts: readonly OciMount[];
  readonly links: readonly LiveLink[];
  /** Directories of libraries for the dynamic loader inside. */
  readonly loader: readonly { readonly directory: string; readonly names: readonly string[] }[];
  /** Newer CUDA libraries that a root may bring are used with a driver of this version; null: none are. */
  readonly compat: string | null;
  readonly env: Readonly<Record<string, string>>;
  /** Directories for the end of PATH. */
  readonly path: readonly string[];
  readonly hooks: readonly AttachedHook[];
  readonly groups: readonly number[];
  /** GPUs that count as used, by UUID or PCI address; with what is wanted of them. */
  readonly gpus: readonly string[];
  /** What it depends on besides: "driver 580.65.06". For a reader of a difference. */
  readonly about: Readonly<Record<string, string>>;
}

export interface AttachedNode extends OciDevice {
  /** r, w or rw; empty: no rule allows it. */
  readonly access: string;
}

/** A program of the host that a CDI file names; only root's files may. */
export interface AttachedHook {
  readonly point:
    | "prestart"
    | "createRuntime"
    | "createContainer"
    | "startContainer"
    | "poststart"
    | "poststop";
  readonly path: string;
  readonly args: readonly string[];
  readonly timeout?: number;
}

export const nothing: Attachment = {
  nodes: [],
  mounts: [],
  links: [],
  loader: [],
  compat: null,
  env: {},
  path: [],
  hooks: [],
  groups: [],
  gpus: [],
  about: {},
};

/** In order: what comes later wins where there can be only one. */
export function joined(parts: readonly Attachment[]): Attachment {
  return {
    nodes: lastBy(
      parts.flatMap(({ nodes }) => nodes),
      ({ path }) => path,
    ),
    mounts: lastBy(
      parts.flatMap(({ mounts }) => mounts),
      ({ destination }) => destination,
    ),
    links: lastBy(
      parts.flatMap(({ links }) => links),
      ({ path }) => path,
    ),
    loader: lastBy(
      parts.flatMap(({ loader }) => loader),
      ({ directory }) => directory,
    ),
    compat: parts.findLast(({ compat }) => compat !== null)?.compat ?? null,
    env: Object.assign({}, ...parts.map(({ env }) => env)),
    path: [...new Set(parts.flatMap(({ path }) => path))],
    hooks: parts.flatMap(({ hooks }) => hooks),
    groups: [...new Set(parts.flatMap(({ groups }) => groups))].sort((left, right) => left - right),
    gpus: [...new Set(parts.flatMap(({ gpus }) => gpus))],
    about: Object.assign({}, ...parts.map(({ about }) => about)),
  };
}

/** Rules that allow exactly the nodes; making nodes is never part of it. */
export const rulesOf = (nodes: readonly AttachedNode[]): readonly OciDeviceRule[] =>
  nodes
    .filter(({ type, access }) => type !== "p" && access !== "")
    .map(({ type, major = 0, minor = 0, access }) => ({
      allow: true,
      type: type === "b" ? "b" : "c",
      major,
      minor,
      access: access.replace("m", "") || "rw",
    }));

/** Without what only Pavlos reads. */
export const deviceOf = ({ access: _, ...device }: AttachedNode): OciDevice => device;

function lastBy<T>(list: readonly T[], key: (item: T) => string): readonly T[] {
  return [...new Map(list.map((item) => [key(item), item])).values()];
}
