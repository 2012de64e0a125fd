import { join } from "node:path";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { OciMount } from "../../provider.ts";
import type { Tools } from "../../tools.ts";
import type { LayerFiles } from "../store/layers.ts";
import { withLayerLock } from "../store/locks.ts";
import type { Building } from "./build.ts";
import { copyCommand, packagesCommand } from "./commands.ts";
import { failedStep } from "./failed.ts";
import { cacheMount, cachePath, cachesOf, copyMounts, stepRoot } from "./mounts.ts";
import type { PlannedStep, StepState } from "./plan.ts";
import { runStep, type StepOutcome, type StepRun } from "./runner.ts";
import { readStepSecrets } from "./secrets.ts";

interface Execution {
  readonly step: PlannedStep;
  readonly layers: readonly string[];
  /** Its tree is the upper directory. */
  readonly staged: LayerFiles;
}

/** Runs one step into a staged layer; gives where something was mounted. */
export async function executeStep(
  tools: Tools,
  building: Building,
  execution: Execution,
): Promise<Result<readonly string[], Problem>> {
  const { request } = building;
  const { step, layers } = execution;
  const secrets =
    step.step.kind === "run"
      ? readStepSecrets(tools, request, { index: step.index, secrets: step.step.secrets })
      : success({});
  if (!secrets.ok) return secrets;
  const caches = cachesOf(step.step, { layers });
  return withCaches(tools, building, { layers, caches }, () =>
    inContainer(tools, building, { ...execution, caches, secrets: secrets.value }),
  );
}

/** Package managers do not share their caches well: one step at a time, in one order, so that none waits for ever. */
function withCaches<T>(
  tools: Tools,
  building: Building,
  { layers, caches }: { readonly layers: readonly string[]; readonly caches: readonly string[] },
  work: () => Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  const [first, ...rest] = caches;
  if (first === undefined) return work();
  const name = cachePath(tools, { layers }, first).slice(tools.paths.data.length).replaceAll("/", "-");
  return withLayerLock(tools, `cache${name}`.slice(0, 200), {
    signal: building.request.context.signal,
    work: () => withCaches(tools, building, { layers, caches: rest }, work),
  });
}

interface Inside extends Execution {
  readonly caches: readonly string[];
  readonly secrets: Readonly<Record<string, string>>;
}

async function inContainer(
  tools: Tools,
  building: Building,
  { step, layers, staged, caches, secrets }: Inside,
): Promise<Result<readonly string[], Problem>> {
  const { request, parts } = building;
  const lines: string[] = [];
  const root = stepRoot(tools, layers, { upper: staged.tree, work: join(staged.directory, "work") });
  const run: StepRun = {
    environment: request.environment,
    context: request.context,
    ...commandOf(building, step),
    mounts: [
      root,
      ...caches.map((cache) => cacheMount(tools, { layers }, cache)),
      ...copied(tools, building, { step, staged }),
    ],
    secrets,
    onLine(line) {
      if (line.startsWith('{"level":')) return;
      lines.push(line);
      if (lines.length > 500) lines.shift();
      const { name } = request.environment;
      request.context.report({ kind: "output", environment: name, line });
    },
  };
  const outcome = await runStep(tools, parts, run);
  if (!outcome.ok) return outcome;
  if (outcome.value.code === 0) return success(outcome.value.destinations);
  const problem = failedStep(request, step, { outcome: outcome.value, lines });
  if (request.debug !== undefined && !request.context.signal.aborted)
    await lookAround(tools, building, { run, problem, step, outcome: outcome.value });
  return failure(problem);
}

/** A shell in the state in which the step failed. */
async function lookAround(
  tools: Tools,
  { request, parts }: Building,
  { run, problem, step }: { run: StepRun; problem: Problem; step: PlannedStep; outcome: StepOutcome },
): Promise<void> {
  const { debug } = request;
  if (debug === undefined) return;
  const state: StepState = step.state;
  await runStep(tools, parts, { ...run, state, shell: (args) => debug(problem, args) });
}

function commandOf(building: Building, { step, state }: PlannedStep): Pick<StepRun, "command" | "state"> {
  const asRoot: StepState = { env: state.env, workdir: "/", user: "root" };
  switch (step.kind) {
    case "run":
      return { command: step.command, state };
    case "packages":
      return { command: packagesCommand(step), state: asRoot };
    case "copy":
      return { command: copyCommand(step, state), state: { env: {}, workdir: "/", user: "root" } };
    default:
      throw new Error(`a ${step.kind} step of ${building.request.environment.name} changes no files`);
  }
}

function copied(
  tools: Tools,
  { contents }: Building,
  { step, staged }: Pick<Inside, "step" | "staged">,
): readonly OciMount[] {
  if (step.step.kind !== "copy") return [];
  const list = join(staged.directory, "copied");
  tools.files.replace(list, (contents.get(step.index)?.paths ?? []).join("\0"));
  const { binary } = tools.native;
  if (binary === undefined) throw new Error("a copy step needs the path of pavlosc");
  return copyMounts(step.step, list, binary);
}
