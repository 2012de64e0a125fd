import { Listr, ListrLogger, type ListrTask, ProcessOutput } from "listr2";
import type { Event } from "../model/event.ts";
import type { Change } from "../model/plan.ts";
import { activities, describeProgress, eventLine, type Progress, pastTense } from "./progress.ts";
import { makeMeter, partLines } from "./rate.ts";
import type { Terminal } from "./terminal.ts";

/**
 * A repainted line for each environment that changes. Only on a terminal, and loaded only there:
 * listr2 is large.
 */
export function liveProgress(terminal: Terminal, base: string): Progress {
  const rows = new Map<string, Row>();
  const said: string[] = [];
  let drawing: Promise<unknown> = Promise.resolve();

  return {
    begin(plan) {
      // Asked again, because the machine had changed: one picture is enough.
      if (rows.size > 0) return;
      for (const change of plan.changes) rows.set(change.environment, new Row(change));
      drawing = draw([...rows.values()].map((row) => row.task));
    },
    report(event) {
      if ("environment" in event) rows.get(event.environment)?.show(event);
      if (event.kind === "change-finished" || event.kind === "waiting") return;
      const line = eventLine(event, terminal, base);
      // Lines between the repainted ones would tear the picture: they follow it.
      if (line !== null) said.push(line);
    },
    async finish() {
      for (const row of rows.values()) row.close();
      await drawing;
      for (const line of said) terminal.err(line);
    },
  };
}

async function draw(tasks: ListrTask[]): Promise<void> {
  const processOutput = new ProcessOutput(process.stderr, process.stderr);
  const board = new Listr(tasks, {
    concurrent: true,
    exitOnError: false,
    registerSignalListeners: false,
    rendererOptions: {
      logger: new ListrLogger({ processOutput }),
      showErrorMessage: false,
      collapseErrors: false,
      collapseSubtasks: false,
    },
  });
  await board.run();
}

/** What listr2's task offers that a row uses. */
interface Wrapper {
  title: string;
  output: string;
}

class Row {
  readonly task: ListrTask;
  readonly #change: Change;
  readonly #end = Promise.withResolvers<void>();
  readonly #meter = makeMeter(() => performance.now());
  #wrapper: Wrapper | null = null;

  constructor(change: Change) {
    this.#change = change;
    this.task = {
      title: `${change.environment}: ${change.action}`,
      task: (_context, wrapper) => {
        this.#wrapper = wrapper;
        return this.#end.promise;
      },
    };
  }

  show(event: Event): void {
    if (event.kind === "operation-started") this.#say(activities[event.operation]);
    else if (event.kind === "waiting") this.#say(`waiting until ${event.until}`);
    else if (event.kind === "progress") this.#say(this.#progress(event));
    else if (event.kind === "step") this.#say(`step ${event.index + 1} of ${event.count}, ${event.title}`);
    else if (event.kind === "change-failed") this.#fail();
    else if (event.kind === "change-finished") this.#finish(event.durationMs);
  }

  /** A row whose change never ended (Ctrl-C) must not keep the picture waiting. */
  close(): void {
    this.#end.resolve();
  }

  /** What, how much of it, how fast and until when; then the parts that are on their way. */
  #progress(event: Event & { kind: "progress" }): string {
    return [
      `${describeProgress(event)}${this.#meter.say(event.done, event.total)}`,
      ...partLines(event),
    ].join("\n");
  }

  #say(activity: string): void {
    if (this.#wrapper !== null) this.#wrapper.output = activity;
  }

  #fail(): void {
    this.#end.reject(new Error(`${this.#change.environment} failed`));
  }

  #finish(durationMs: number): void {
    if (this.#wrapper !== null) {
      this.#wrapper.title = `${this.#change.environment}: ${pastTense[this.#change.action]} in ${Math.round(durationMs)} ms`;
    }
    this.#end.resolve();
  }
}
