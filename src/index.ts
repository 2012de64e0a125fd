import type { Environment } from "./config/environment.gen.ts";
import type { HostFacts } from "./model/host.ts";

export type { Environment, HostFacts };

/** What pavlos.config.ts exports. */
export interface Config {
  /** Name of the project: lower-case letters, digits and -. Default: the directory's name. */
  readonly project?: string;
  /** Files with further environments, relative to this one. Default: environments/*.yaml. */
  readonly include?: readonly string[];
  /** Networks by name, for `network: {networks: [name]}`; `default` is there without being named. */
  readonly networks?: Readonly<Record<string, NetworkConfig>>;
  /** Environments by name. */
  readonly environments?: Readonly<Record<string, Environment>>;
}

/** A network of the project. */
export interface NetworkConfig {
  /** "10.1.2.0/24", or one of IPv4 and one of IPv6. Default: chosen so that it collides with nothing. */
  readonly subnet?: string | readonly string[];
  /** No way out of it, and no published ports. Default false. */
  readonly internal?: boolean;
  /** Addresses of IPv6 as well. Default true. */
  readonly ipv6?: boolean;
  /** Largest packet in bytes. Default: that of the machine's way out. */
  readonly mtu?: number;
}

/** A configuration, or a function that makes it from facts about this machine. */
export type ConfigExport = Config | ((host: HostFacts) => Config | Promise<Config>);

/** Gives an editor the types of pavlos.config.ts; returns what it is given. */
export function defineConfig(config: ConfigExport): ConfigExport {
  return config;
}
