import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { Environment } from "../../../model/environment.ts";
import type { Result } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { NativeOutcome } from "../../../native/native.ts";
import { projectPath } from "../../../state/paths.ts";
import type { Context, Contribution, Foreground, OciMount, Provider } from "../../provider.ts";
import type { Tools } from "../../tools.ts";
import { isAtWork, processName } from "../store/stage.ts";
import type { StepState } from "./plan.ts";

/** What a container needs beyond its root; the registry gives it, because providers know none another. */
export interface StepParts {
  /** Those whose contributions every step gets: the network's files. */
  readonly providers: readonly Provider[];
  readonly foreground: Foreground;
}

/** One command in a container over the layers so far. */
export interface StepRun {
  readonly environment: Environment;
  readonly context: Context;
  readonly state: StepState;
  readonly command: readonly string[];
  /** The root itself, and what lies in it for this step alone. */
  readonly mounts: readonly OciMount[];
  /** Text by name, for /run/secrets. */
  readonly secrets: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  /** Instead of the command: somebody looks around in the same container, on the caller's terminal. */
  readonly shell?: (args: readonly string[]) => Promise<unknown>;
}

export interface StepOutcome {
  readonly code: number;
  /** Of pavlosc itself, when the command did not run. */
  readonly stderr: string;
  /** Everything that was mounted, for who removes the mount points that were made. */
  readonly destinations: readonly string[];
}

export async function runStep(
  tools: Tools,
  { providers, foreground }: StepParts,
  run: StepRun,
): Promise<Result<StepOutcome, Problem>> {
  await removeStale(tools);
  const id = `build-${processName(tools)}-${randomBytes(4).toString("hex")}`;
  const directory = join(stepsPath(tools), id);
  // A project of its own: what providers write for it is not the environment's that may be running.
  const context: Context = { ...run.context, project: { ...run.context.project, id } };
  const environment = environmentOf(tools, run);
  try {
    const contributions: Contribution[] = [{ mounts: [...run.mounts, ...secretMounts(directory, run)] }];
    for (const provider of providers) {
      const part = await provider.contribute?.(environment, context);
      if (part?.ok === false) return part;
      if (part !== undefined) contributions.push(part.value);
    }
    const bundle = join(directory, "bundle");
    const terminal = run.shell !== undefined;
    const written = await foreground.bundle(
      { environment, contributions, containerId: id, directory: bundle, terminal },
      context,
    );
    if (!written.ok) return written;
    const destinations = contributions.flatMap((part) => part.mounts ?? []).map((mount) => mount.destination);
    const args = ["run", "--bundle", bundle, id];
    if (run.shell !== undefined) {
      await run.shell(args);
      return { ok: true, value: { code: 0, stderr: "", destinations } };
    }
    const outcome = await untilEnd(tools, { args, id, run });
    return { ok: true, value: { code: outcome.code, stderr: outcome.stderr, destinations } };
  } finally {
    await tools.files.remove(directory);
    await tools.files.remove(projectPath(tools.paths, id));
  }
}

/** How often an interrupted step is ended again: it may just be beginning. */
const insistence = 200;

/** Waits for the end whatever happens; an interruption ends the container, also one that ignores signals. */
async function untilEnd(
  tools: Tools,
  { args, id, run }: { readonly args: readonly string[]; readonly id: string; readonly run: StepRun },
): Promise<NativeOutcome> {
  const { signal } = run.context;
  let timer: NodeJS.Timeout | null = null;
  const end = () => void tools.native.run(["delete", "--force", id]);
  const begin = () => {
    end();
    timer = setInterval(end, insistence);
  };
  signal.addEventListener("abort", begin, { once: true });
  try {
    return await tools.native.run(args, { onLine: run.onLine, onErrorLine: run.onLine });
  } finally {
    signal.removeEventListener("abort", begin);
    if (timer !== null) clearInterval(timer);
  }
}

/** What the environment's file says about running it has no meaning here: steps are shared by environments. */
function environmentOf(tools: Tools, { environment, state, command, shell }: StepRun): Environment {
  return {
    ...environment,
    name: "build",
    rootfs: { kind: "host" },
    readonly: false,
    persist: false,
    command: shell === undefined ? command : ["/bin/sh"],
    workdir: state.workdir ?? "/",
    user: state.user ?? "root",
    env: { ...proxies(tools), ...state.env },
    secrets: {},
    hostname: "build",
    init: true,
    tty: shell !== undefined,
    isolation: { pid: true, uts: true, ipc: true, cgroup: true, user: "auto", time: false },
    mounts: [],
    network: { kind: "host" },
    resources: { ...environment.resources, ulimits: {}, oomScore: null, shm: 64 << 20 },
    security: {
      capabilities: { add: [], drop: [] },
      seccomp: "default",
      noNewPrivileges: true,
      masks: true,
      privileged: false,
    },
    hooks: { created: [], started: [], stopping: [] },
  };
}

/** The way to the network is the machine's, and no part of the result. */
const proxies = ({ env }: Tools): Record<string, string> =>
  Object.fromEntries(
    ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => {
      const value = env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** One read-only directory; below the run directory, which no disk keeps. */
function secretMounts(directory: string, { secrets }: StepRun): readonly OciMount[] {
  const names = Object.keys(secrets);
  if (names.length === 0) return [];
  const source = join(directory, "secrets");
  trees.makeDirectory(source, 0o755);
  for (const name of names) trees.writePublic(join(source, name), secrets[name] ?? "", 0o444);
  return [
    {
      destination: "/run/secrets",
      type: "none",
      source,
      options: ["bind", "ro", "nosuid", "nodev", "noexec"],
    },
  ];
}

const stepsPath = ({ paths }: Tools): string => join(paths.run, "builds");

/** Bundles and secrets of a Pavlos that was killed. */
async function removeStale(tools: Tools): Promise<void> {
  const steps = stepsPath(tools);
  trees.makeDirectory(steps, 0o700);
  for (const name of trees.list(steps)) {
    if (!isAtWork(tools, name.replace(/^build-/, ""))) await tools.files.remove(join(steps, name));
  }
}
