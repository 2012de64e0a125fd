import type { Event } from "../model/event.ts";
import { describeProgress } from "./progress.ts";
import { makeMeter } from "./rate.ts";
import type { Terminal } from "./terminal.ts";

/** One image that is fetched. */
export interface PullRow {
  readonly progress: (event: Event & { kind: "progress" }) => void;
  readonly done: (text: string) => void;
}

/**
 * Shows images being fetched, one after another: a line that is repainted on a terminal, else only what is
 * done. What is said when all is done goes to standard output: it is the command's answer.
 */
export function pullRow(terminal: Terminal, name: string, { quiet }: { readonly quiet: boolean }): PullRow {
  const live = terminal.interactive && !quiet;
  const meter = makeMeter(() => performance.now());
  return {
    progress(event) {
      if (!live) return;
      const parts = event.parts?.filter(({ done, total }) => done < total).length ?? 0;
      const layers = parts > 1 ? `, ${parts} layers` : "";
      terminal.raw(
        "stderr",
        `\r\u001b[K${name}: ${describeProgress(event)}${meter.say(event.done, event.total)}${layers}`,
      );
    },
    done(text) {
      if (live) terminal.raw("stderr", "\r\u001b[K");
      if (!quiet) terminal.out(text);
    },
  };
}
