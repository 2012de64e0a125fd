import type { Environment, Rootfs } from "../../../model/environment.ts";
import type { Places } from "../../../model/source.ts";
import { planSteps, type StepState } from "../build/plan.ts";
import type { ImageConfig } from "../store/stack.ts";
import { healthOf } from "./health.ts";
import { shortName } from "./name.ts";

/** An environment with what its image says below what its file says. */
export interface Inheriting {
  readonly environment: Environment;
  /** Paths whose values are the image's, and the image's name. */
  readonly inherited: ReadonlyMap<string, string>;
  readonly hints: readonly string[];
}

/** The image's defaults, where the file says nothing. Pure. */
export function withDefaults(environment: Environment, config: ImageConfig, places: Places): Inheriting {
  const { env: variables, workdir, user } = stateAfter(environment.rootfs, config);
  const from = sourceOf(environment.rootfs);
  const inherited = new Map<string, string>();
  const take = <T>(path: string, value: T): T => {
    inherited.set(path, from);
    return value;
  };
  const fromImage = commandOf(config, environment.tty);
  const command =
    environment.command.length > 0 || places.has("command") || fromImage.length === 0
      ? environment.command
      : take("command", fromImage);
  // Without a command it waits to be entered: there is nothing to be healthy.
  const says = environment.health === null && !places.has("health") && command.length > 0;
  const health = says ? healthOf(config.healthcheck) : null;
  if (health !== null) for (const path of healthPaths) inherited.set(path, from);
  const env = Object.entries(variables).filter(([name]) => !(name in environment.env));
  for (const [name] of env) inherited.set(`env.${name}`, from);
  const { stopSignal } = config;
  const signal = stopSignal === null || places.has("stop.signal") ? null : signalName(stopSignal);
  return {
    environment: {
      ...environment,
      command,
      health: health ?? environment.health,
      user: environment.user ?? (user === null ? null : take("user", user)),
      workdir: environment.workdir ?? (workdir === null ? null : take("workdir", absolute(workdir))),
      env: { ...Object.fromEntries(env), ...environment.env },
      stop: signal === null ? environment.stop : { ...environment.stop, signal: take("stop.signal", signal) },
    },
    inherited,
    hints: hintsOf(config),
  };
}

const healthPaths = [
  "health.check.kind",
  "health.check.command",
  ...["interval", "timeout", "retries", "startPeriod"].map((name) => `health.${name}`),
];

/** What steps make of what their image says. */
function stateAfter(rootfs: Rootfs, { env, workdir, user }: ImageConfig): StepState {
  if (rootfs.kind !== "build") return { env, workdir, user };
  const baseState = { env, workdir, user };
  return planSteps(rootfs.steps, { baseKey: "", baseState, platform: "", contents: new Map() }).state;
}

function sourceOf(rootfs: Rootfs): string {
  if (rootfs.kind === "image") return `image ${shortName(rootfs.image)}`;
  if (rootfs.kind !== "build") return "root";
  return rootfs.from.kind === "image" ? `image ${shortName(rootfs.from.image)} and steps` : "steps";
}

/** What an image suggests and nobody does by itself. */
const hintsOf = ({ exposedPorts, volumes }: ImageConfig): readonly string[] => [
  ...(exposedPorts.length > 0 ? [`the image listens on ${exposedPorts.join(", ")}`] : []),
  ...(volumes.length > 0 ? [`the image keeps data in ${volumes.join(", ")}: mount volumes there`] : []),
];

/**
 * Entrypoint and command as one. A bare shell without a terminal would end at once: then it is better
 * to have an environment that waits to be entered.
 */
function commandOf({ entrypoint, cmd }: ImageConfig, tty: boolean): readonly string[] {
  const command = [...entrypoint, ...cmd];
  const bareShell = command.length === 1 && /^(\/(usr\/)?bin\/)?(ba|a|da|z|fi)?sh$/.test(command[0] ?? "");
  return bareShell && !tty ? [] : command;
}

const absolute = (path: string): string => (path.startsWith("/") ? path : `/${path}`);

/** "TERM", "SIGTERM", "15", "SIGRTMIN+3"; null: nothing that could be sent. */
function signalName(text: string): string | null {
  const upper = text.trim().toUpperCase();
  if (/^\d+$/.test(upper)) return numbers[Number(upper)] ?? null;
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  return /^SIG[A-Z0-9]+$/.test(name) ? name : null;
}

const numbers: Readonly<Record<number, string>> = {
  1: "SIGHUP",
  2: "SIGINT",
  3: "SIGQUIT",
  9: "SIGKILL",
  10: "SIGUSR1",
  12: "SIGUSR2",
  15: "SIGTERM",
  28: "SIGWINCH",
};
