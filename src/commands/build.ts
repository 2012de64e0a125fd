import { placeOf } from "../config/places.ts";
import { didYouMean } from "../config/suggest.ts";
import type { Environment } from "../model/environment.ts";
import type { Event } from "../model/event.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { runInForeground } from "../native/foreground.ts";
import type { Context } from "../providers/provider.ts";
import type { Registry } from "../providers/registry.ts";
import { containersPath } from "../state/paths.ts";
import { type BuildReport, type Built, buildReport } from "../ui/build.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { showProblems } from "./problems.ts";
import { type LoadedProject, makeStateDirectories, openProject, openRegistry, saveLock } from "./session.ts";

type Problems = readonly Problem[];

/** `pavlos build`: fetches, installs and builds roots; what runs is left alone. */
export const build: Verb = async (invocation) => {
  const project = await openProject(invocation, "lookUp");
  if (!project.ok) return project;
  const chosen = chooseEnvironments(invocation.args, project.value.desired.environments);
  if (!chosen.ok) return chosen;
  const registry = await openRegistry(project.value);
  if (!registry.ok) return registry;
  makeStateDirectories(project.value);
  const report = buildReport(invocation.terminal, invocation.globals);
  const work: Work = { invocation, project: project.value, registry: registry.value, report };
  const outcomes = await all(work, chosen.value);
  report.finish();
  const saved = await saveLock(project.value);
  if (!saved.ok) return saved;
  const problems = outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.failure]));
  return problems.length > 0 ? failure(distinct(problems)) : success(0);
};

interface Work {
  readonly invocation: Invocation;
  readonly project: LoadedProject;
  readonly registry: Registry & { readonly binary: string };
  readonly report: BuildReport;
}

/** Environments by name; without names all. */
export function chooseEnvironments(
  names: readonly string[],
  environments: readonly Environment[],
): Result<readonly Environment[], Problems> {
  const known = environments.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) return failure(unknown.map((name) => unknownName(name, known)));
  return success(environments.filter(({ name }) => names.length === 0 || names.includes(name)));
}

/** Side by side; one after another where a shell may need the terminal. */
async function all(
  work: Work,
  environments: readonly Environment[],
): Promise<Result<Built | null, Problem>[]> {
  if (work.invocation.options.shellOnFailure !== true)
    return await Promise.all(environments.map((environment) => one(work, environment)));
  const outcomes: Result<Built | null, Problem>[] = [];
  for (const environment of environments) outcomes.push(await one(work, environment));
  return outcomes;
}

async function one(work: Work, environment: Environment): Promise<Result<Built | null, Problem>> {
  const { rootfs, name } = environment;
  if (rootfs.kind === "host" || rootfs.kind === "path") return success(null);
  const { registry, report, invocation } = work;
  const begun = performance.now();
  const counts = { built: 0, cached: 0 };
  const context = contextOf(work, (event) => {
    if (event.kind === "step" && event.state !== "running") counts[event.state]++;
    report.event(event);
  });
  const shell = invocation.options.shellOnFailure === true && invocation.terminal.interactive;
  const stack = await registry.roots.stacks.ensure({
    environment,
    rootfs,
    context,
    ...(shell ? { debug: (problem, args) => lookAround(work, problem, args) } : {}),
  });
  if (!stack.ok) return stack;
  const { key, layers } = stack.value;
  const built = {
    environment: name,
    key,
    layers: layers.length,
    ...counts,
    durationMs: performance.now() - begun,
  };
  report.built(built);
  return success(built);
}

export function contextOf(
  { invocation, project }: Pick<Work, "invocation" | "project">,
  report: (event: Event) => void,
): Context {
  return {
    project: project.identity,
    place: (name, path) => placeOf(project.desired.places.get(name) ?? new Map(), path),
    report,
    signal: invocation.interruption(),
  };
}

async function lookAround(
  { invocation, project, registry }: Work,
  problem: Problem,
  args: readonly string[],
): Promise<void> {
  showProblems([problem], invocation.terminal);
  invocation.terminal.err(
    "a shell where the step failed; what is changed here is not kept (leave it with exit)",
  );
  const pavlosc = [...project.host.cgroup.scope, registry.binary, "--root", containersPath(project.paths)];
  await runInForeground([...pavlosc, ...args]);
}

/** A step that several environments share fails once. */
export const distinct = (problems: Problems): Problems =>
  problems.filter(
    (problem, index) =>
      problems.findIndex(
        ({ message, place }) => message === problem.message && place?.file === problem.place?.file,
      ) === index,
  );

const unknownName = (name: string, names: readonly string[]): Problem => ({
  code: "unknown-environment",
  message: `the files name no environment \`${name}\``,
  place: null,
  ...(names.length > 0 ? { expected: names.join(", ") } : {}),
  hint: didYouMean(name, names) ?? "`pavlos config` shows all of them",
});
