import type { Environment, HealthCheck } from "../../model/environment.ts";
import type { Supervise } from "../../oci/supervise.gen.ts";
import type { EnvironmentPaths } from "../../state/paths.ts";

/** 10 MiB in each of 5 files. */
const logLimits = { maxSize: 10 << 20, maxFiles: 5 };

/** How the supervisor treats this environment: supervise.json. */
export const superviseOf = (
  environment: Environment,
  own: Pick<EnvironmentPaths, "log" | "status" | "events">,
): Supervise => {
  const { health, hooks } = environment;
  return {
    version: 1,
    logs: { path: own.log, ...logLimits },
    stop: { ...environment.stop },
    status: own.status,
    restart: { ...environment.restart },
    health: health === null ? null : { ...health, check: checkOf(health.check) },
    events: { path: own.events, environment: environment.name },
    hooks: { started: hooks.started.map(words) },
  };
};

type Check = NonNullable<Supervise["health"]>["check"];

const checkOf = (check: HealthCheck): Check =>
  check.kind === "command" ? { kind: "command", args: words(check.command) } : { ...check };

/** No command is empty: config/ sees to that. */
const words = (command: readonly string[]): [string, ...string[]] => {
  const [program = "", ...rest] = command;
  return [program, ...rest];
};
