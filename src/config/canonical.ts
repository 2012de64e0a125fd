import type { Environment, Hooks, Isolation } from "../model/environment.ts";
import { commandAt } from "./command.ts";
import type { Variable } from "./dotenv.ts";
import { resolveDevices, resolveGpus } from "./gpus.ts";
import { durationAt, resolveDependsOn, resolveHealth, resolveRestart } from "./life.ts";
import { resolveMounts } from "./mounts.ts";
import { signals } from "./names.ts";
import { resolveNetwork } from "./network/resolve.ts";
import { resolveResources } from "./resources.ts";
import { resolveRootfs } from "./rootfs.ts";
import type { EnvironmentInput } from "./schema.ts";
import { insidePath, report, type Scope, textMapAt, textsAt } from "./scope.ts";
import { resolveSecurity } from "./security.ts";
import { didYouMean } from "./suggest.ts";
import { resolveEnv, resolveSecrets } from "./variables.ts";
import { resolveWatch } from "./watch-rules.ts";

/** An environment and which of its variables came from env files. */
export interface Canonical {
  readonly environment: Environment;
  readonly fromFiles: ReadonlyMap<string, Variable>;
}

/** What a valid input means: defaults filled in, paths absolute, units gone. Reports into the scope. */
export function canonical(scope: Scope, name: string, input: EnvironmentInput): Canonical {
  const { env, fromFiles } = resolveEnv(scope, input);
  const environment: Environment = {
    name,
    profiles: input.profiles ?? [],
    labels: textMapAt(scope, "labels"),
    rootfs: resolveRootfs(scope, input.rootfs),
    readonly: input.readonly ?? false,
    persist: input.persist ?? true,
    command: commandAt(scope, ["command"]),
    workdir: workdir(scope, input.workdir),
    user: user(scope),
    env,
    secrets: resolveSecrets(scope, input.secrets),
    hostname: input.hostname ?? name,
    init: input.init ?? true,
    tty: input.tty ?? false,
    stop: {
      signal: signal(scope, input.stop?.signal),
      timeout: durationAt(scope, ["stop", "timeout"], { written: input.stop?.timeout, otherwise: 10_000 }),
    },
    restart: resolveRestart(scope, input.restart),
    health: resolveHealth(scope, input.health),
    dependsOn: resolveDependsOn(input.dependsOn),
    isolation: isolation(input.isolation),
    mounts: resolveMounts(scope, input.mounts),
    network: resolveNetwork(scope, input.network),
    gpus: resolveGpus(scope, input.gpus),
    devices: resolveDevices(scope, input.devices),
    resources: resolveResources(scope, input.resources),
    security: resolveSecurity(scope, input.security),
    hooks: hooks(scope, input.hooks),
    watch: resolveWatch(scope, input.watch),
  };
  return { environment, fromFiles };
}

function hooks(scope: Scope, input: EnvironmentInput["hooks"] = {}): Hooks {
  const commands = (point: keyof Hooks) =>
    (input[point] ?? []).map((_, index) => commandAt(scope, ["hooks", point, index]));
  return { created: commands("created"), started: commands("started"), stopping: commands("stopping") };
}

const isolation = (input: EnvironmentInput["isolation"] = {}): Isolation => ({
  pid: input.pid ?? true,
  uts: input.uts ?? true,
  ipc: input.ipc ?? true,
  cgroup: input.cgroup ?? true,
  user: input.user ?? "auto",
  time: input.time ?? false,
});

function workdir(scope: Scope, input: string | undefined): string | null {
  if (input === undefined) return null;
  const path = insidePath(scope, input);
  if (path === null) {
    report(scope, ["workdir"], {
      code: "wrong-value",
      message: `\`workdir\` cannot be "${input}": it is not absolute`,
      expected: "an absolute path inside, or ~/...",
    });
  }
  return path;
}

function user(scope: Scope): string | null {
  const [written] = textsAt(scope, ["user"]);
  if (written === undefined) return null;
  if (!/^(\d{1,10}(:\d{1,10})?|[A-Za-z_][A-Za-z0-9_.-]*\$?(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?)$/.test(written)) {
    report(scope, ["user"], {
      code: "wrong-value",
      message: `\`user\` cannot be "${written}"`,
      expected: "me, root, uid, uid:gid, name or name:group",
    });
  }
  return written;
}

function signal(scope: Scope, input: string | undefined): string {
  if (input === undefined) return "SIGTERM";
  const upper = input.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  if (!signals.includes(name)) {
    report(scope, ["stop", "signal"], {
      code: "unknown-signal",
      message: `there is no signal ${input}`,
      expected: "a signal such as SIGTERM or SIGINT",
      hint: didYouMean(name, signals),
    });
  }
  return name;
}
