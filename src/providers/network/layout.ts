import { join } from "node:path";
import { hashOf } from "../../model/hash.ts";
import type { StatePaths } from "../../state/paths.ts";

/** Names and places of everything that a project's networks consist of. */
export interface Layout {
  /** Below the run directory: gone after a reboot, as are the networks. */
  readonly directory: string;
  /** What is set up right now. */
  readonly state: string;
  /** Pids of who keeps the network and of pasta, written by those who start: known also after a crash. */
  readonly holderFile: string;
  readonly pastaFile: string;
  /** nftables table of the project, of family inet. */
  readonly table: string;
  /** Network namespace of an environment. */
  namespace(environment: string): string;
  bridge(network: string): string;
  veth(environment: string, network: string): string;
}

/** Names of interfaces have at most 15 characters: hashes, which also keep two data directories apart. */
export function layoutOf(paths: StatePaths, projectId: string): Layout {
  const directory = join(paths.run, "network", projectId);
  const hash = (...parts: readonly string[]): string =>
    hashOf([paths.data, projectId, ...parts].join("\0")).slice(0, 10);
  return {
    directory,
    state: join(directory, "state.json"),
    holderFile: join(directory, "holder.pid"),
    pastaFile: join(directory, "pasta.pid"),
    table: `pavlos_${hash()}`,
    namespace: (environment) => join(directory, `${environment}.netns`),
    bridge: (network) => `pvb${hash("bridge", network)}`,
    veth: (environment, network) => `pve${hash("veth", environment, network)}`,
  };
}

/** Where a search for something free begins: stable for a name, scattered over all of them. */
export const startOf = (name: string, choices: number): number =>
  Number.parseInt(hashOf(name).slice(0, 8), 16) % choices;
