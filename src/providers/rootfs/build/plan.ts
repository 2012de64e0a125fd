import { createHash } from "node:crypto";
import type { Step } from "../../../model/build.ts";
import { unreachable } from "../../../model/result.ts";

/** Another builder may do the same step otherwise: then nothing of the old one counts. */
export const builderVersion = 1;

/** What run, env, workdir and user mean for the steps that follow, and for the environment. */
export interface StepState {
  readonly env: Readonly<Record<string, string>>;
  readonly workdir: string | null;
  readonly user: string | null;
}

export interface PlannedStep {
  readonly index: number;
  readonly step: Step;
  /** Hex; names what the root is after this step. */
  readonly key: string;
  /** Does it change files? Else it is no layer. */
  readonly layer: boolean;
  /** What holds while it runs. */
  readonly state: StepState;
}

export interface BuildPlan {
  readonly steps: readonly PlannedStep[];
  /** Of the last step; of the root below without any. */
  readonly key: string;
  readonly state: StepState;
}

export interface PlanSources {
  /** Names the root that the steps begin with. */
  readonly baseKey: string;
  readonly baseState: StepState;
  /** "x64". */
  readonly platform: string;
  /** Digest of what a copy step copies, by the step's index. */
  readonly contents: ReadonlyMap<number, string>;
}

/**
 * Which layers these steps are. Pure: the key of a step names everything that decides its result, so
 * that equal steps over equal roots are one layer, whoever asks for them.
 */
export function planSteps(steps: readonly Step[], sources: PlanSources): BuildPlan {
  const { baseKey, baseState, platform, contents } = sources;
  let key = baseKey;
  let state = baseState;
  const planned = steps.map((step, index): PlannedStep => {
    const text = JSON.stringify([
      builderVersion,
      platform,
      key,
      normalized(step, contents.get(index) ?? null),
    ]);
    key = createHash("sha256").update(text).digest("hex");
    const one = { index, step, key, layer: changesFiles(step), state };
    state = after(state, step);
    return one;
  });
  return { steps: planned, key, state };
}

export const changesFiles = ({ kind }: Step): boolean =>
  kind === "run" || kind === "copy" || kind === "packages";

/** What of a step decides its result. Of secrets only name and version: values leave no trace. */
function normalized(step: Step, content: string | null): readonly unknown[] {
  switch (step.kind) {
    case "run":
      return [
        "run",
        step.command,
        step.caches.toSorted(),
        sorted(step.secrets).map(([name, { version }]) => [name, version]),
      ];
    case "copy":
      return ["copy", content, step.to, step.mode, step.owner];
    case "packages":
      return ["packages", step.packages.toSorted()];
    case "env":
      return ["env", sorted(step.env)];
    case "workdir":
      return ["workdir", step.path];
    case "user":
      return ["user", step.user];
    default:
      return unreachable(step);
  }
}

function after(state: StepState, step: Step): StepState {
  switch (step.kind) {
    case "env":
      return { ...state, env: { ...state.env, ...step.env } };
    case "workdir":
      return { ...state, workdir: step.path };
    case "user":
      return { ...state, user: step.user };
    default:
      return state;
  }
}

const sorted = <T>(map: Readonly<Record<string, T>>): readonly (readonly [string, T])[] =>
  Object.entries(map).sort(([left], [right]) => (left < right ? -1 : 1));

/** A step in a few words, for progress and messages: "run make -j4". */
export function describeStep(step: Step): string {
  switch (step.kind) {
    case "run": {
      const [shell, option, text] = step.command;
      const plain = shell === "/bin/sh" && option === "-c" ? (text ?? "") : step.command.join(" ");
      return `run ${shortened(plain)}`;
    }
    case "copy":
      return `copy ${shortened(step.from)} to ${step.to}`;
    case "packages":
      return shortened(`packages ${step.packages.join(" ")}`);
    case "env":
      return `env ${Object.keys(step.env).join(", ")}`;
    case "workdir":
      return `workdir ${step.path}`;
    case "user":
      return `user ${step.user}`;
    default:
      return unreachable(step);
  }
}

function shortened(text: string): string {
  const [line = "", ...more] = text.trim().split("\n");
  return line.length > 60 || more.length > 0 ? `${line.slice(0, 60)}...` : line;
}
