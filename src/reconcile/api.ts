import type { Event, Failure } from "../model/event.ts";
import type { Actual } from "../model/instance.ts";
import type { Change, Plan } from "../model/plan.ts";
import type { Desired, ProjectIdentity } from "../model/project.ts";
import type { Problem } from "../model/source.ts";
import type { Launcher, Provider } from "../providers/provider.ts";
import type { ProjectState } from "../state/project.ts";

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
  /** The files' state, for all environments or only those named (names that nobody knows: see unknownNames). */
  | { readonly kind: "apply"; readonly desired: Desired; readonly names: readonly string[] | null }
  /** As last applied, without the files; null: all of the project. */
  | { readonly kind: "start" | "stop" | "restart" | "destroy"; readonly names: readonly string[] | null };

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

/** reconcile.ts `foresee`. */
export type Foresee = (machinery: Machinery, goal: Goal) => Promise<Prospect>;
/** reconcile.ts `reconcile`: plans, asks, locks, looks again, checks and carries out. */
export type Reconcile = (machinery: Machinery, goal: Goal, confirm: Confirm) => Promise<Outcome>;
