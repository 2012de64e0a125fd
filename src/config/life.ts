import type { Condition, Health, HealthCheck, Restart } from "../model/environment.ts";
import { commandAt } from "./command.ts";
import { parseDuration } from "./durations.ts";
import type { EnvironmentInput } from "./schema.ts";
import { report, type Scope } from "./scope.ts";

type RestartInput = EnvironmentInput["restart"];
type HealthInput = Exclude<EnvironmentInput["health"], undefined | "none">;

export function resolveRestart(scope: Scope, input: RestartInput): Restart {
  const {
    policy = "never",
    max = 10,
    backoff,
  } = typeof input === "string" ? { policy: input } : (input ?? {});
  return {
    policy,
    max: max === "unlimited" ? null : max,
    backoff: durationAt(scope, ["restart", "backoff"], { written: backoff, otherwise: 100 }),
  };
}

export function resolveHealth(scope: Scope, input: EnvironmentInput["health"]): Health | null {
  if (input === undefined || input === "none") return null;
  const check = checkOf(scope, input);
  const interval = durationAt(scope, ["health", "interval"], { written: input.interval, otherwise: 10_000 });
  if (interval < 100) wrong(scope, "interval", "at least 100ms");
  const timeout = durationAt(scope, ["health", "timeout"], { written: input.timeout, otherwise: 5000 });
  if (timeout < 1) wrong(scope, "timeout", "at least 1ms");
  const retries = input.retries ?? 3;
  const startPeriod = durationAt(scope, ["health", "startPeriod"], {
    written: input.startPeriod,
    otherwise: 30_000,
  });
  return check === null ? null : { check, interval, timeout, retries, startPeriod };
}

export function resolveDependsOn(input: EnvironmentInput["dependsOn"] = []): Record<string, Condition> {
  if (!Array.isArray(input)) return { ...input };
  return Object.fromEntries(input.map((name): [string, Condition] => [name, "started"]));
}

/** Exactly one of the three; null: reported. */
function checkOf(scope: Scope, input: HealthInput): HealthCheck | null {
  const given = (["command", "http", "tcp"] as const).filter((kind) => input[kind] !== undefined);
  const [kind, second] = given;
  if (kind === undefined || second !== undefined) {
    report(scope, second === undefined ? ["health"] : ["health", second], {
      code: "wrong-value",
      message:
        second === undefined
          ? "`health` says nothing about how to look"
          : `\`health\` has both ${kind} and ${second}`,
      expected: "one of command, http and tcp",
    });
    return null;
  }
  if (kind === "command") return commandCheck(scope);
  return kind === "http" ? httpCheck(scope, input.http ?? "") : tcpCheck(scope, input.tcp ?? "");
}

function commandCheck(scope: Scope): HealthCheck | null {
  const command = commandAt(scope, ["health", "command"]);
  if (command.length > 0) return { kind: "command", command };
  wrong(scope, "command", "a command with at least the program to run");
  return null;
}

function httpCheck(scope: Scope, input: number | string): HealthCheck | null {
  if (typeof input === "number") return { kind: "http", host: "localhost", port: input, path: "/" };
  const match =
    /^(?:http:\/\/)?(?<host>localhost|[\d.]+|\[[\da-fA-F:.]+\])?(?::?(?<port>\d+))?(?<path>\/\S*)?$/.exec(
      input,
    );
  const { host = "localhost", port, path = "/" } = match?.groups ?? {};
  const number = Number(port ?? 80);
  if (match && number >= 1 && number <= 65_535 && !/^\/\//.test(path))
    return { kind: "http", host: bare(host), port: number, path };
  const secure = input.startsWith("https:");
  wrong(scope, "http", "http://HOST:PORT/PATH with an address or localhost", {
    hint: secure ? "ask over https with `command: [curl, -fsS, ...]`" : undefined,
  });
  return null;
}

function tcpCheck(scope: Scope, input: number | string): HealthCheck | null {
  if (typeof input === "number") return { kind: "tcp", host: "localhost", port: input };
  const match = /^(?:(?<host>localhost|[\d.]+|\[[\da-fA-F:.]+\]):)?(?<port>\d+)$/.exec(input);
  const { host = "localhost", port } = match?.groups ?? {};
  const number = Number(port);
  if (match && number >= 1 && number <= 65_535) return { kind: "tcp", host: bare(host), port: number };
  wrong(scope, "tcp", "a port, or HOST:PORT with an address or localhost");
  return null;
}

/** An IPv6 address is written in brackets before a port. */
const bare = (host: string): string => (host.startsWith("[") ? host.slice(1, -1) : host);

function wrong(
  scope: Scope,
  key: "command" | "http" | "tcp" | "interval" | "timeout",
  expected: string,
  { hint }: { readonly hint?: string | undefined } = {},
): void {
  report(scope, ["health", key], {
    code: "wrong-value",
    message: `this value of \`health.${key}\` is not possible`,
    expected,
    hint,
  });
}

/** Milliseconds; a duration that is too long is reported. */
export function durationAt(
  scope: Scope,
  path: readonly string[],
  { written, otherwise }: { readonly written: string | undefined; readonly otherwise: number },
): number {
  const milliseconds = written === undefined ? otherwise : parseDuration(written);
  if (milliseconds === null)
    report(scope, path, {
      code: "wrong-value",
      message: `${written} is too long`,
      expected: "a duration such as 10s",
    });
  return milliseconds ?? otherwise;
}
