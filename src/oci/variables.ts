import type { Environment } from "../model/environment.ts";
import type { Caller } from "../model/host.ts";
import type { Contribution } from "../providers/provider.ts";
import type { User } from "./identity.ts";

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What the variables are made from. */
export interface VariableSources {
  readonly environment: Environment;
  readonly caller: Caller;
  readonly user: User;
  readonly contributions: readonly Contribution[];
  /** The caller's TERM. */
  readonly term: string | undefined;
}

/**
 * `NAME=value`, later ones over earlier ones: defaults, providers, the file's envFile and env (joined
 * by config/). Secrets come on top of these, but never into the bundle.
 */
export function variablesOf(sources: VariableSources): string[] {
  const { environment, caller, user, contributions, term } = sources;
  const variables: Record<string, string> = {
    PATH: defaultPath,
    ...(user.kind === "me" ? account(caller) : {}),
    ...(environment.tty ? { TERM: term ?? "xterm-256color" } : {}),
    container: "pavlos",
    PAVLOS_ENVIRONMENT: environment.name,
  };
  for (const part of contributions) Object.assign(variables, part.env);
  Object.assign(variables, environment.env);
  const more = contributions.flatMap((part) => part.path ?? []);
  const path = (variables.PATH ?? "").split(":");
  variables.PATH = [...path, ...more.filter((directory) => !path.includes(directory))].join(":");
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`);
}

const account = (caller: Caller): Readonly<Record<string, string>> => ({
  HOME: caller.home,
  USER: caller.name,
  LOGNAME: caller.name,
  SHELL: caller.shell,
});
