import type { Environment } from "../../model/environment.ts";
import type { Actual } from "../../model/instance.ts";
import type { Desired } from "../../model/project.ts";
import type { Problem } from "../../model/source.ts";
import type { Loaded, Machinery, News, Outcome } from "../api.ts";
import { same } from "../compare.ts";
import { livenessOf } from "../liveness.ts";
import { foresee, reconcile } from "../reconcile.ts";
import { narrow, type Selection } from "../select.ts";
import { type Input, initial, type Step, step, type Work } from "./core.ts";
import type { Follower } from "./follow.ts";

export interface WatchOptions {
  /** Its signal ends the watching; everything is left running. */
  readonly machinery: Machinery;
  /** Which environments are kept as the files say; the others are left alone. */
  readonly selection?: Selection;
  readonly load: () => Promise<Loaded>;
  /** Told once files that are in order were applied: the rules in them count from now on. */
  readonly applied?: (desired: Desired) => void;
  readonly follow: (changed: () => void) => Promise<Follower>;
  /** Does this host pid exist? */
  readonly alive: (pid: number) => boolean;
  readonly tell: (news: News) => void;
}

/** Milliseconds between two looks at whether everything still runs. */
const pulse = 250;

/** Keeps the machine as the files say until the signal; level-triggered, see core.ts. */
export async function watch(options: WatchOptions): Promise<void> {
  const { signal } = options.machinery;
  let state = initial.state;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  const worker = makeWorker(options, (input) => enter(input));
  const enter = (input: Input): void => {
    if (!signal.aborted) act(step(state, input, Date.now()));
  };
  const act = (next: Step): void => {
    state = next.state;
    clearTimeout(timer);
    if (next.wakeAt !== null) timer = setTimeout(() => enter({ kind: "tick" }), next.wakeAt - Date.now());
    if (next.work !== null) running = worker.work(next.work);
  };
  await worker.begin();
  const heart = setInterval(() => {
    if (worker.somethingEnded()) enter({ kind: "ended" });
  }, pulse);
  act(initial);
  await aborted(signal);
  clearInterval(heart);
  clearTimeout(timer);
  await running;
  await worker.end();
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

interface Worker {
  begin(): Promise<void>;
  work(work: Work): Promise<void>;
  somethingEnded(): boolean;
  end(): Promise<void>;
}

function makeWorker(options: WatchOptions, enter: (input: Input) => void): Worker {
  const { machinery, alive, tell } = options;
  let follower: Follower | null = null;
  let desired: Desired | null = null;
  let pids: readonly number[] = [];
  const told = makeTold(tell);
  const held = makeHeld();

  const load = async (): Promise<boolean> => {
    const loaded = await loadWhole(options.load);
    follower?.set(loaded.files, loaded.directories);
    const problems = loaded.result.ok ? renamed(machinery, loaded.result.value) : loaded.result.failure;
    told.files(problems);
    if (loaded.result.ok && problems.length === 0) desired = loaded.result.value;
    return problems.length === 0;
  };

  const look = async (goal: Desired): Promise<boolean> => {
    const except = held.among(goal);
    const { selection = { names: null } } = options;
    const wish = { kind: "apply", desired: goal, ...selection, revive: "killed", except } as const;
    const outcome = await reconcile(machinery, wish, null);
    held.learn(goal, outcome);
    told.outcome(outcome);
    const { actual } = await foresee(machinery, wish);
    pids = actual.instances.flatMap(({ process }) => (process.pid === null ? [] : [process.pid]));
    told.ends(actual);
    options.applied?.(chosen(goal, selection));
    return !worthRetrying(outcome);
  };

  return {
    async begin() {
      follower = await options.follow(() => enter({ kind: "file" }));
    },
    async work(work) {
      let fine = true;
      try {
        if (work === "look" || (await load())) fine = desired === null || (await look(desired));
      } catch (error) {
        fine = false;
        told.files([unexpected(error)]);
      }
      enter({ kind: "finished", failed: !fine });
    },
    somethingEnded() {
      const left = pids.filter(alive);
      const ended = left.length < pids.length;
      pids = left;
      return ended;
    },
    end: async () => follower?.close(),
  };
}

/** A file that is being written is empty or half there for a moment: what is wrong must still be so a little later. */
async function loadWhole(load: () => Promise<Loaded>): Promise<Loaded> {
  const first = await load();
  if (first.result.ok) return first;
  await new Promise((resolve) => setTimeout(resolve, settling));
  return await load();
}

/** Milliseconds. */
const settling = 60;

/** The files without the environments that are not watched. */
function chosen(desired: Desired, selection: Selection): Desired {
  const nobody = { instances: [], leftovers: [] };
  const { names } = narrow({ kind: "apply", desired, ...selection }, nobody).goal;
  if (names === null) return desired;
  return { ...desired, environments: desired.environments.filter(({ name }) => names.includes(name)) };
}

/** Environments whose new configuration failed and whose old one runs again, with the one that failed. */
function makeHeld() {
  const held = new Map<string, Environment>();
  return {
    among: (desired: Desired): readonly string[] =>
      desired.environments.filter((wanted) => same(held.get(wanted.name), wanted)).map(({ name }) => name),
    learn(desired: Desired, outcome: Outcome): void {
      if (outcome.kind !== "done") return;
      for (const { change, failure } of outcome.results) {
        const wanted = desired.environments.find(({ name }) => name === change.environment);
        if (failure?.restored && wanted !== undefined) held.set(wanted.name, wanted);
        else held.delete(change.environment);
      }
    },
  };
}

/** Says each thing once. */
function makeTold(tell: (news: News) => void) {
  let file: readonly Problem[] = [];
  let machine: readonly Problem[] = [];
  const ended = new Map<string, string>();
  const say = (before: readonly Problem[], problems: readonly Problem[]): void => {
    if (same(before, problems)) return;
    tell(problems.length === 0 ? { kind: "mended" } : { kind: "problems", problems });
  };
  return {
    files(problems: readonly Problem[]): void {
      say(file, problems);
      file = problems;
    },
    outcome(outcome: Outcome): void {
      const problems = outcome.kind === "refused" ? outcome.problems : [];
      say(machine, problems);
      machine = problems;
      if (outcome.kind === "done") tell({ kind: "applied", outcome });
    },
    ends(actual: Actual): void {
      for (const instance of actual.instances) {
        const liveness = livenessOf(instance);
        const why = liveness.kind === "down" && liveness.why === "exited" ? liveness.reason : null;
        const key = `${why} ${instance.process.startedAt}`;
        if (why !== null && ended.get(instance.name) !== key)
          tell({ kind: "ended", environment: instance.name, reason: why });
        if (why === null) ended.delete(instance.name);
        else ended.set(instance.name, key);
      }
    },
  };
}

/** A failed change is tried again, unless what ran before runs again: then the file must change. */
function worthRetrying(outcome: Outcome): boolean {
  if (outcome.kind === "refused") return true;
  return (
    outcome.kind === "done" && outcome.results.some(({ failure }) => failure !== null && !failure.restored)
  );
}

function renamed(machinery: Machinery, desired: Desired): readonly Problem[] {
  const { id, name } = machinery.project;
  if (desired.project.id === id) return [];
  return [
    {
      code: "project-renamed",
      message: `the project is \`${desired.project.name}\` now; \`${name}\` is watched`,
      place: null,
      hint: "end the watching with Ctrl-C and start it again; `pavlos destroy` before a rename removes the old ones",
    },
  ];
}

const unexpected = (error: unknown): Problem => ({
  code: "unexpected",
  message: error instanceof Error ? error.message : String(error),
  place: null,
  hint: "it is tried again; if that goes on, `pavlos doctor` looks at the machine",
});
