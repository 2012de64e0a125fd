import type { Environment } from "../../model/environment.ts";

/**
 * In the foreground there is no moment between creation and start: the hooks run before the command,
 * in the same process, and one that fails ends it with its exit code.
 */
export function withHooks(environment: Environment): Environment {
  const { created, started } = environment.hooks;
  const hooks = [...created, ...started];
  if (hooks.length === 0) return environment;
  const script = [...hooks.map((hook) => `${hook.map(quoted).join(" ")} || exit`), 'exec "$@"'].join("\n");
  return { ...environment, command: ["/bin/sh", "-c", script, "pavlos", ...environment.command] };
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
