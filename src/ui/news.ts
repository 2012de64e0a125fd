import type { Event } from "../model/event.ts";
import { renderChanges } from "./plan.ts";
import { eventLine } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

/** What `watch` shows while it works: each line with the time, as a log of the day. */
export interface NewsDesk {
  /** Of an apply. */
  event(event: Event): void;
  say(text: string, tone: Tone): void;
}

export type Tone = "good" | "bad" | "quiet";

const colors = { good: "green", bad: "red", quiet: "gray" } as const;

export function newsDesk(
  terminal: Terminal,
  options: { readonly base: string; readonly now: () => Date },
): NewsDesk {
  const style = terminal.errStyle;
  const print = (text: string) => {
    const time = options.now().toTimeString().slice(0, 8);
    const [first = "", ...more] = text.split("\n");
    terminal.err([`${style("gray", time)} ${first}`, ...more.map((line) => `         ${line}`)].join("\n"));
  };
  return {
    event(event) {
      const plan = { style, base: options.base, now: options.now() };
      const text =
        event.kind === "change-started"
          ? renderChanges([event.change], plan).join("\n")
          : eventLine(event, terminal, options.base);
      if (text !== null) print(text);
    },
    say: (text, tone) => print(style(colors[tone], text)),
  };
}
