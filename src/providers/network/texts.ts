import { join } from "node:path";
import type { Environment } from "../../model/environment.ts";
import { environmentPaths } from "../../state/paths.ts";
import { hostsFile, readResolvers, resolvConf, rewrite } from "./names.ts";
import { outletProgram, relayOf } from "./outlet.ts";
import type { Work } from "./work.ts";

/** Files below /etc of an environment that is to run, by name. */
export type Texts = (environment: string) => Readonly<Record<string, string>>;

export function textsFor(work: Work): Texts {
  const environments = new Map([...work.up].map(([name, { environment }]) => [name, environment]));
  return (name) => {
    const environment = environments.get(name);
    return environment === undefined ? {} : namesFor(work, environment, environments);
  };
}

/**
 * hosts and resolv.conf of all that run already. Those of the others come with their bundle, of which
 * something may be on its way out right now.
 */
export function writeNames(work: Work, textsOf: Texts): void {
  const { tools, context, up } = work;
  for (const name of up.keys()) {
    const directory = join(environmentPaths(tools.paths, context.project.id, name).bundle, "etc");
    for (const [file, text] of Object.entries(textsOf(name))) rewrite(directory, file, text);
  }
}

function namesFor(
  { machine, record, tools }: Work,
  environment: Environment,
  up: ReadonlyMap<string, Environment>,
): Readonly<Record<string, string>> {
  const { network } = environment;
  if (network.kind !== "networks") return {};
  const resolvers = readResolvers();
  const program = machine.ground.kind === "user" ? outletProgram(tools) : null;
  const relay = program === null || resolvers.loopback === null ? null : relayOf(program);
  return {
    hosts: hostsFile(environment, network, { record, up }),
    "resolv.conf": resolvConf(environment.name, network, { record, resolvers, relay }),
  };
}
