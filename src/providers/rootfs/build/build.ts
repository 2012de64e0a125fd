import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { Build } from "../../../model/environment.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { treeMaps } from "../../../oci/identity.ts";
import type { Tools } from "../../tools.ts";
import type { StackRequest, StackSource, Stored } from "../source.ts";
import { hasLayer, type LayerFiles, type LayerId, layerFiles } from "../store/layers.ts";
import { leaseLayers } from "../store/leases.ts";
import { withLayerLock } from "../store/locks.ts";
import { noConfig, type Stack } from "../store/stack.ts";
import { commitLayers, dropStaged, stageLayer } from "../store/stage.ts";
import { type Contents, contentsOf } from "./contents.ts";
import { executeStep } from "./execute.ts";
import { madeMountPoints } from "./mounts.ts";
import { type BuildPlan, describeStep, type PlannedStep, planSteps } from "./plan.ts";
import type { StepParts } from "./runner.ts";

export const stepLayer = (key: string): LayerId => `step-${key}`;

export interface Builds extends StackSource<Build> {
  /** What `ensure` would name its stack now; null: it cannot be known without an effect. */
  readonly key: (request: StackRequest<Build>) => string | null;
}

/** Stacks made by steps; `sources` gives what they begin with. Equal steps are one layer, and one work. */
export function makeBuilds(tools: Tools, parts: StepParts, sources: StackSource<Stored>): Builds {
  return {
    key(request) {
      const base = sources.resolve({ ...request, rootfs: request.rootfs.from });
      if (base === null) return null;
      return planOf(tools, request, { base, contents: contentsByStep(tools, request.rootfs) }).key;
    },
    resolve(request) {
      const base = sources.resolve({ ...request, rootfs: request.rootfs.from });
      if (base === null) return null;
      const plan = planOf(tools, request, { base, contents: contentsByStep(tools, request.rootfs) });
      return stackAfter(tools, base, plan);
    },
    async ensure(request) {
      const base = await sources.ensure({ ...request, rootfs: request.rootfs.from });
      if (!base.ok) return base;
      const contents = contentsByStep(tools, request.rootfs);
      const plan = planOf(tools, request, { base: base.value, contents });
      leaseLayers(
        tools,
        plan.steps.filter(({ layer }) => layer).map(({ key }) => stepLayer(key)),
      );
      const building: Building = { request, parts, base: base.value, contents };
      let layers = base.value.layers;
      for (const step of plan.steps) {
        if (request.context.signal.aborted) return failure(interrupted(request));
        const made = step.layer ? await ensureStep(tools, building, { step, layers }) : success(layers);
        if (!made.ok) return made;
        layers = made.value;
      }
      return success(stackOf(base.value, plan, layers));
    },
  };
}

/** What all steps of one build share. */
export interface Building {
  readonly request: StackRequest<Build>;
  readonly parts: StepParts;
  readonly base: Stack;
  readonly contents: ReadonlyMap<number, Contents>;
}

function contentsByStep(tools: Tools, { steps }: Build): ReadonlyMap<number, Contents> {
  return new Map(
    steps.flatMap((step, index) => (step.kind === "copy" ? [[index, contentsOf(tools, step)] as const] : [])),
  );
}

function planOf(
  tools: Tools,
  { rootfs }: StackRequest<Build>,
  { base, contents }: Pick<Building, "base" | "contents">,
): BuildPlan {
  const { env, workdir, user } = base.config ?? noConfig;
  return planSteps(rootfs.steps, {
    baseKey: base.key,
    baseState: { env, workdir, user },
    platform: tools.host.arch,
    contents: new Map([...contents].map(([index, { digest }]) => [index, digest])),
  });
}

function stackAfter(tools: Tools, base: Stack, plan: BuildPlan): Stack | null {
  const made = plan.steps
    .filter(({ layer }) => layer)
    .map(({ key }) => layerFiles(tools, stepLayer(key)).tree);
  return made.every(trees.isDirectory) ? stackOf(base, plan, [...made.reverse(), ...base.layers]) : null;
}

const stackOf = (base: Stack, { key, state }: BuildPlan, layers: readonly string[]): Stack => ({
  layers,
  key,
  config: { ...(base.config ?? noConfig), env: state.env, workdir: state.workdir, user: state.user },
});

interface At {
  readonly step: PlannedStep;
  /** What it runs over, topmost first. */
  readonly layers: readonly string[];
}

/** The layers with this step's on top; who comes second to the same step waits for the first. */
function ensureStep(tools: Tools, building: Building, at: At): Promise<Result<readonly string[], Problem>> {
  const id = stepLayer(at.step.key);
  const { context } = building.request;
  const after = [layerFiles(tools, id).tree, ...at.layers];
  if (hasLayer(tools, id)) {
    tell(building, at.step, { state: "cached" });
    return Promise.resolve(success(after));
  }
  return withLayerLock(tools, id, {
    signal: context.signal,
    work: async () => {
      if (hasLayer(tools, id)) {
        tell(building, at.step, { state: "cached" });
        return success(after);
      }
      const made = await makeStep(tools, building, at);
      return made.ok ? success(after) : made;
    },
  });
}

async function makeStep(tools: Tools, building: Building, at: At): Promise<Result<void, Problem>> {
  const staged = await stageLayer(tools);
  if (!staged.ok) return staged;
  const begun = performance.now();
  tell(building, at.step, { state: "running" });
  const done = await executeStep(tools, building, { ...at, staged: staged.value });
  const cleaned = done.ok ? await clean(tools, staged.value, { ...at, destinations: done.value }) : done;
  const kept = cleaned.ok
    ? await commitLayers(tools, [{ staged: staged.value, id: stepLayer(at.step.key) }])
    : cleaned;
  if (!kept.ok) {
    await dropStaged(tools, [staged.value]);
    return building.request.context.signal.aborted ? failure(interrupted(building.request)) : kept;
  }
  tell(building, at.step, { state: "built", durationMs: performance.now() - begun });
  return kept;
}

/** What the container needed and the layer does not. */
async function clean(
  tools: Tools,
  staged: LayerFiles,
  { layers, destinations }: At & { readonly destinations: readonly string[] },
): Promise<Result<void, Problem>> {
  const made = ["work", "copied"].map((name) => join(staged.directory, name));
  const paths = [...made, ...madeMountPoints(staged.tree, layers, destinations)];
  const outcome = await tools.native.run(["remove", ...treeMaps(tools.host), ...paths]);
  if (outcome.code === 0) return success(undefined);
  const { errorOf, problemOf } = await import("../../../native/native.ts");
  return failure(problemOf(errorOf(outcome), "the step's layer cannot be tidied"));
}

type State =
  | { readonly state: "cached" | "running" }
  | { readonly state: "built"; readonly durationMs: number };

const tell = (
  { request: { environment, context, rootfs } }: Building,
  { index, step }: PlannedStep,
  state: State,
) =>
  context.report({
    kind: "step",
    environment: environment.name,
    index,
    count: rootfs.steps.length,
    title: describeStep(step),
    ...state,
  });

const interrupted = ({ environment }: StackRequest<Build>): Problem => ({
  code: "interrupted",
  message: `the build of ${environment.name} was interrupted`,
  place: null,
  hint: "finished steps are kept; run the command again",
});
