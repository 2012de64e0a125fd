import type { Environment } from "./config/environment.gen.ts";
import type { HostFacts } from "./model/host.ts";

export type { Environment, HostFacts };

/** What pavlos.config.ts exports. */
export interface Config {
  /** Name of the project: lower-case letters, digits and -. Default: the directory's name. */
  readonly project?: string;
  /** Files with further environments, relative to this one. Default: environments/*.yaml. */
  readonly include?: readonly string[];
  /** Environments by name. */
  readonly environments?: Readonly<Record<string, Environment>>;
}

/** A configuration, or a function that makes it from facts about this machine. */
export type ConfigExport = Config | ((host: HostFacts) => Config | Promise<Config>);

/** Gives an editor the types of pavlos.config.ts; returns what it is given. */
export function defineConfig(config: ConfigExport): ConfigExport {
  return config;
}
