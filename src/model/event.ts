import type { Change, Operation } from "./plan.ts";
import type { Notice, Problem } from "./source.ts";

/** What happens while a plan is executed; ui/ renders it, --json streams it. */
export type Event =
  | { readonly kind: "change-started"; readonly environment: string; readonly change: Change }
  | {
      readonly kind: "operation-started";
      readonly environment: string;
      readonly operation: Operation["kind"];
    }
  | {
      readonly kind: "operation-finished";
      readonly environment: string;
      readonly operation: Operation["kind"];
      readonly durationMs: number;
    }
  /** Bytes of `what` so far; total null when unknown. */
  | {
      readonly kind: "progress";
      readonly environment: string;
      readonly what: string;
      readonly done: number;
      readonly total: number | null;
      /** What it consists of: layers of an image. */
      readonly parts?: readonly { readonly name: string; readonly done: number; readonly total: number }[];
    }
  /** A step of a build; cached: the store has its layer. */
  | ({
      readonly kind: "step";
      readonly environment: string;
      /** From 0. */
      readonly index: number;
      readonly count: number;
      /** "run make -j4" */
      readonly title: string;
    } & ({ readonly state: "running" | "cached" } | { readonly state: "built"; readonly durationMs: number }))
  /** A line that a step of a build printed. */
  | { readonly kind: "output"; readonly environment: string; readonly line: string }
  /** It takes a while: "until db is healthy". */
  | { readonly kind: "waiting"; readonly environment: string; readonly until: string }
  | { readonly kind: "notice"; readonly notice: Notice }
  | { readonly kind: "lock-waiting"; readonly holder: string }
  | {
      readonly kind: "change-finished";
      readonly environment: string;
      readonly change: Change;
      readonly durationMs: number;
    }
  | {
      readonly kind: "change-failed";
      readonly environment: string;
      readonly change: Change;
      readonly failure: Failure;
      readonly durationMs: number;
    };

/** An expected failure of an operation, with what is left behind. */
export interface Failure {
  readonly problem: Problem;
  /** What remains and how the next apply repairs it; null: the environment is as it was. */
  readonly left: string | null;
  /** The old configuration runs again: trying once more would only interrupt it. */
  readonly restored?: true;
}
