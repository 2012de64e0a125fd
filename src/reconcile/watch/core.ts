/**
 * When does watch look? Pure: inputs with their time in, what to do and when to wake out. An input
 * only ever means "look again"; what is to be done comes from looking.
 */
export type Input =
  /** A followed file changed. */
  | { readonly kind: "file" }
  /** Something that ran does not any more. */
  | { readonly kind: "ended" }
  | { readonly kind: "tick" }
  /** The work that was asked for is done; `failed`: it may go better later. */
  | { readonly kind: "finished"; readonly failed: boolean };

/** load: read the files and apply. look: apply the last good files again. */
export type Work = "load" | "look";

/** All times in milliseconds of one clock. */
export interface State {
  readonly working: boolean;
  /** First and last event since the files were last read. */
  readonly files: { readonly first: number; readonly last: number } | null;
  readonly ended: boolean;
  /** Failures in a row. */
  readonly failures: number;
  readonly retryAt: number | null;
}

export interface Step {
  readonly state: State;
  /** null: nothing to do now. */
  readonly work: Work | null;
  /** When a tick is due; null: not before the next input. */
  readonly wakeAt: number | null;
}

/** Editors write in several steps: wait for quiet, but not for ever. */
const quiet = 30;
const longest = 300;
/** First and last pause between attempts that fail. */
const shortestPause = 1000;
const longestPause = 60_000;

/** Watch begins by loading. */
export const initial: Step = {
  state: { working: true, files: null, ended: false, failures: 0, retryAt: null },
  work: "load",
  wakeAt: null,
};

export function step(state: State, input: Input, now: number): Step {
  return decide(take(state, input, now), now);
}

function take(state: State, input: Input, now: number): State {
  switch (input.kind) {
    case "file":
      // Whatever failed before, this is a new attempt.
      return { ...state, files: { first: state.files?.first ?? now, last: now }, failures: 0, retryAt: null };
    case "ended":
      return { ...state, ended: true };
    case "finished":
      return { ...state, working: false, ...afterwards(state, input.failed, now) };
    case "tick":
      return state;
  }
}

function afterwards(state: State, failed: boolean, now: number): Pick<State, "failures" | "retryAt"> {
  if (!failed) return { failures: 0, retryAt: null };
  const pause = Math.min(shortestPause * 2 ** state.failures, longestPause);
  return { failures: state.failures + 1, retryAt: now + pause };
}

function decide(state: State, now: number): Step {
  if (state.working) return { state, work: null, wakeAt: null };
  const due = state.files === null ? null : Math.min(state.files.last + quiet, state.files.first + longest);
  if (due !== null && due <= now)
    return { state: { ...state, working: true, files: null, ended: false }, work: "load", wakeAt: null };
  const retry = state.retryAt !== null && state.retryAt <= now;
  // While a failure is being waited out, an end is no reason to hurry: it may be its consequence.
  if (retry || (state.ended && state.retryAt === null))
    return { state: { ...state, working: true, ended: false, retryAt: null }, work: "look", wakeAt: null };
  const wakes = [due, state.retryAt].filter((time) => time !== null);
  return { state, work: null, wakeAt: wakes.length === 0 ? null : Math.min(...wakes) };
}
