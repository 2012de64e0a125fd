import type { Event, Failure } from "../model/event.ts";
import type { Actual } from "../model/instance.ts";
import type { Change, Plan } from "../model/plan.ts";
import type { Desired, ProjectIdentity } from "../model/project.ts";
import type { Result } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Launcher, Provider } from "../providers/provider.ts";
import type { ProjectState } from "../state/project.ts";
import type { AfterFailure } from "./repair.ts";
import type { Selection } from "./select.ts";

/** What reconcile/ works with: made once per command. */
export interface Machinery {
  readonly project: ProjectIdentity;
  /** In the order of the registry. */
  readonly providers: readonly Provider[];
  readonly launcher: Launcher;
  readonly state: ProjectState;
  readonly now: () => Date;
  readonly report: (event: Event) => void;
  readonly signal: AbortSignal;
}

/** What a command wants; each kind becomes a plan. */
export type Goal =
  | (Selection & {
      readonly kind: "apply";
      readonly desired: Desired;
      /**
       * Which environments that do not run are started: all of them (default), or, while watching, only
       * those that were killed; what the user stopped or what failed by itself then rests until its file
       * changes.
       */
      readonly revive?: "all" | "killed";
      /** Left alone this time: while watching, what was put back after a failure, until its file changes. */
      readonly except?: readonly string[];
      /** Made anew although no field asks for it: a rule of `watch`. */
      readonly recreate?: readonly string[];
      /** Whether what ran before comes back where something new fails; default: it does. */
      readonly afterFailure?: AfterFailure;
    })
  /** As last applied, without the files. */
  | (Selection & { readonly kind: "start" | "stop" | "restart" | "destroy" });

/** Asked before anything changes; false declines. Null: yes to everything (--yes, watch). */
export type Confirm = ((plan: Plan) => Promise<boolean>) | null;

export type Outcome =
  | { readonly kind: "nothing"; readonly plan: Plan }
  | { readonly kind: "declined"; readonly plan: Plan }
  /** Nothing was changed: this machine cannot do it, or names are unknown. */
  | { readonly kind: "refused"; readonly plan: Plan | null; readonly problems: readonly Problem[] }
  /** In the order of plan.changes; some may have failed. */
  | { readonly kind: "done"; readonly plan: Plan; readonly results: readonly ChangeResult[] };

export interface ChangeResult {
  readonly change: Change;
  readonly failure: Failure | null;
  readonly durationMs: number;
}

/** What diff shows: a plan and the state it was made from. Changes nothing, takes no lock. */
export interface Prospect {
  readonly actual: Actual;
  readonly plan: Plan;
  /** Names that were asked for and that neither the files nor the records know. */
  readonly problems: readonly Problem[];
}

/** What `watch` gets from config/ each time it loads. */
export interface Loaded {
  readonly result: Result<Desired, readonly Problem[]>;
  /** Every file that was read or missed, absolute; also when the result is a failure. */
  readonly files: readonly string[];
  /** Directories in which a new file would count, absolute; they may not exist yet. */
  readonly directories: readonly string[];
}

/** What `watch` tells its user, besides the events of each apply. */
export type News =
  /** The files or this machine; everything keeps running. Not repeated while it stays the same. */
  | { readonly kind: "problems"; readonly problems: readonly Problem[] }
  /** What was broken is mended. */
  | { readonly kind: "mended" }
  | { readonly kind: "applied"; readonly outcome: Outcome }
  /** It came to its end by itself and rests until its file changes. */
  | { readonly kind: "ended"; readonly environment: string; readonly reason: string };
