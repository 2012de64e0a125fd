import { join } from "node:path";
import type { Files } from "../host/files.ts";
import type { Port } from "../model/environment.ts";
import { projectPath, type StatePaths } from "./paths.ts";

/**
 * What a project has of the machine's address space: kept as long as an environment is on a network,
 * so that addresses and chosen ports stay the same. On disk as networks.json beside project.json.
 */
export interface NetworkRecord {
  readonly version: 1;
  /** By name. */
  readonly networks: Readonly<Record<string, NetworkState>>;
  /** By environment. */
  readonly members: Readonly<Record<string, MemberState>>;
}

export interface NetworkState {
  readonly subnet: string;
  /** null: no IPv6. */
  readonly subnet6: string | null;
  readonly internal: boolean;
  /** Bytes. */
  readonly mtu: number;
  /** Name of its interface on the machine. */
  readonly bridge: string;
}

export interface MemberState {
  /** In the order of the environment's networks. */
  readonly links: readonly LinkState[];
  /** `host` is always a number here. */
  readonly ports: readonly PortState[];
}

export interface LinkState {
  readonly network: string;
  readonly ip: string;
  readonly ip6: string | null;
  /** Its end on the machine. */
  readonly veth: string;
  /** Its end inside. */
  readonly name: string;
}

export interface PortState extends Port {
  readonly host: number;
  readonly auto: boolean;
}

export const noNetworks: NetworkRecord = { version: 1, networks: {}, members: {} };

const networksFile = (paths: StatePaths, projectId: string): string =>
  join(projectPath(paths, projectId), "networks.json");

/** A damaged one is as good as none: addresses are chosen anew. */
export function readNetworks(files: Files, paths: StatePaths, projectId: string): NetworkRecord {
  const text = files.readText(networksFile(paths, projectId));
  if (text === null) return noNetworks;
  try {
    const value = JSON.parse(text) as NetworkRecord;
    return value.version === 1 && typeof value.members === "object" && typeof value.networks === "object"
      ? value
      : noNetworks;
  } catch {
    return noNetworks;
  }
}

export async function writeNetworks(
  { files, paths }: { readonly files: Files; readonly paths: StatePaths },
  projectId: string,
  record: NetworkRecord,
): Promise<void> {
  const path = networksFile(paths, projectId);
  if (Object.keys(record.networks).length === 0) return files.remove(path);
  const text = `${JSON.stringify(record)}\n`;
  if (files.readText(path) === text) return;
  files.makeDirectory(projectPath(paths, projectId), 0o711);
  files.replace(path, text);
}

/** Those of all other projects of this caller. */
export function otherNetworks(files: Files, paths: StatePaths, projectId: string): readonly NetworkRecord[] {
  const ids = files.list(join(paths.data, "environments")) ?? [];
  return ids.filter((id) => id !== projectId).map((id) => readNetworks(files, paths, id));
}
