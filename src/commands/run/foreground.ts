import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { placeOf } from "../../config/places.ts";
import { realFiles } from "../../host/real-files.ts";
import type { Environment } from "../../model/environment.ts";
import type { Event } from "../../model/event.ts";
import type { ProjectIdentity } from "../../model/project.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { runInForeground } from "../../native/foreground.ts";
import type { Context, Contribution } from "../../providers/provider.ts";
import type { Registry } from "../../providers/registry.ts";
import { containersPath, projectPath, type StatePaths, volumePath } from "../../state/paths.ts";
import { eventLine } from "../../ui/progress.ts";
import { wantsTerminal } from "../exec.ts";
import { type Invocation, listOption, textOption } from "../invocation.ts";
import { makeStateDirectories, openRegistry } from "../session.ts";
import type { Chosen } from "./choose.ts";
import { withHooks } from "./hooks.ts";

type Problems = readonly Problem[];

/** Builds a container of its own for one command, waits for that, and removes everything. */
export async function runEnvironment(
  invocation: Invocation,
  chosen: Chosen,
): Promise<Result<number, Problems>> {
  const registry = await openRegistry(chosen.place);
  if (!registry.ok) return registry;
  const stage = stageOf(invocation, chosen);
  makeStateDirectories(chosen.place);
  const problems = await check(registry.value, stage);
  if (problems.length > 0) return failure(problems);
  try {
    const built = await build(registry.value, stage);
    if (!built.ok) return failure([built.failure]);
    const { host, paths } = chosen.place;
    const pavlosc = [...host.cgroup.scope, registry.value.binary, "--root", containersPath(paths)];
    return success(await runInForeground([...pavlosc, "run", "--bundle", stage.bundle, stage.id]));
  } finally {
    await clear(registry.value, stage, chosen.place.paths);
  }
}

/** Everything about one run that is settled before anything is made. */
interface Stage {
  readonly environment: Environment;
  readonly desired: Chosen["desired"];
  readonly context: Context;
  /** Of the container. */
  readonly id: string;
  /** Below the run directory, which no disk keeps: secrets are in it. */
  readonly bundle: string;
  readonly terminal: boolean;
}

/**
 * A project of its own, so that an apply of the real one sees nothing that it would have to clear
 * away; only its volumes are the real one's.
 */
function stageOf(invocation: Invocation, { place, desired, environment }: Chosen): Stage {
  const project: ProjectIdentity = {
    ...desired.project,
    id: `run-${process.pid}-${randomBytes(4).toString("hex")}`,
  };
  const report = (event: Event) => {
    const line =
      event.kind === "notice" && !invocation.globals.quiet
        ? eventLine(event, invocation.terminal, process.cwd())
        : null;
    if (line !== null) invocation.terminal.err(line);
  };
  const context: Context = {
    project,
    place: (name, path) => placeOf(desired.places.get(name) ?? new Map(), path),
    report,
    signal: new AbortController().signal,
  };
  const id = `${project.id}-${environment.name}`;
  return {
    environment: asked(invocation, withHooks(withVolumes(environment, place.paths, desired.project.id))),
    desired,
    context,
    id,
    bundle: join(place.paths.run, "foreground", id),
    terminal: wantsTerminal(invocation),
  };
}

/** --user, --workdir and --env on top of the file. */
function asked(invocation: Invocation, environment: Environment): Environment {
  const env = listOption(invocation, "env").map((pair): [string, string] => {
    const [name = "", ...value] = pair.split("=");
    return [name, value.join("=")];
  });
  return {
    ...environment,
    persist: false,
    user: textOption(invocation, "user") ?? environment.user,
    workdir: textOption(invocation, "workdir") ?? environment.workdir,
    env: { ...environment.env, ...Object.fromEntries(env) },
  };
}

function withVolumes(environment: Environment, paths: StatePaths, projectId: string): Environment {
  const mounts = environment.mounts.map((mount) =>
    mount.type === "volume"
      ? { ...mount, type: "bind" as const, source: volumePath(paths, projectId, mount.source), create: true }
      : mount,
  );
  return { ...environment, mounts };
}

async function check({ providers }: Registry, { environment, desired, context }: Stage): Promise<Problems> {
  const places = desired.places.get(environment.name) ?? new Map();
  const checked = [{ environment, places, changed: true }];
  const answers = await Promise.all(providers.map((provider) => provider.check?.(checked, context)));
  for (const notice of answers.flatMap((answer) => answer?.notices ?? []))
    context.report({ kind: "notice", notice });
  return answers.flatMap((answer) => answer?.problems ?? []);
}

async function build({ providers, foreground }: Registry, stage: Stage): Promise<Result<void, Problem>> {
  const { environment, context, id: containerId, bundle: directory, terminal } = stage;
  const contributions: Contribution[] = [];
  for (const provider of providers) {
    const ready = await provider.prepare?.(environment, context, { fresh: true });
    if (ready?.ok === false) return ready;
  }
  for (const provider of providers) {
    const shared = await provider.gather?.([{ environment, up: true, pid: null }], context);
    if (shared?.ok === false) return shared;
  }
  for (const provider of providers) {
    const part = await provider.contribute?.(environment, context);
    if (part?.ok === false) return part;
    if (part !== undefined) contributions.push(part.value);
  }
  for (const provider of providers) {
    const settled = await provider.settle?.(context, "end");
    if (settled?.ok === false) return settled;
  }
  return await foreground.bundle({ environment, contributions, containerId, directory, terminal }, context);
}

async function clear(
  { providers }: Registry,
  { environment, context, bundle }: Stage,
  paths: StatePaths,
): Promise<void> {
  for (const provider of [...providers].reverse()) {
    await provider.remove?.(environment.name, context);
    await provider.gather?.([], context);
  }
  await realFiles.remove(bundle);
  await realFiles.remove(projectPath(paths, context.project.id));
}
