import { followLog, logSize, logTexts } from "../host/log-file.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { type Invocation, textOption, type Verb } from "./invocation.ts";
import { type LogLine, lastLines, lineReader, parseSince, type Selection } from "./logs/lines.ts";
import { findTargets, type Target } from "./target.ts";

/** `pavlos logs`: standard output to standard output, standard error to standard error. */
export const logs: Verb = async (invocation) => {
  const selection = selectionOf(invocation, new Date());
  if (!selection.ok) return selection;
  const targets = await findTargets(invocation, invocation.args);
  if (!targets.ok) return targets;
  const several = targets.value.length > 1;
  const print = (target: Target) => printer(invocation, several ? `${target.record.name} | ` : "");
  // Where following goes on: asked before reading, and lines that are read twice are left out then.
  const ends = new Map(targets.value.map((target) => [target, logSize(target.log)]));
  const past = targets.value.flatMap((target) =>
    lastLines(logTexts(target.log), selection.value).map((line) => ({ line, target })),
  );
  past.sort((left, right) =>
    left.line.time < right.line.time ? -1 : left.line.time > right.line.time ? 1 : 0,
  );
  for (const { line, target } of past) print(target)(line);
  if (invocation.options.follow !== true) return success(0);
  const signal = invocation.interruption();
  await Promise.all(
    [...ends].map(([target, from]) => follow(target, { from, signal, print: print(target) })),
  );
  return success(0);
};

interface Following {
  /** Bytes of the log that were there before. */
  readonly from: number;
  readonly signal: AbortSignal;
  readonly print: (line: LogLine) => void;
}

async function follow({ log }: Target, { from, signal, print }: Following): Promise<void> {
  const read = lineReader();
  for await (const piece of followLog(log, from, signal)) for (const line of read(piece)) print(line);
}

function printer({ terminal, globals, options }: Invocation, prefix: string): (line: LogLine) => void {
  return (line) => {
    const time = options.timestamps === true ? `${line.time} ` : "";
    if (globals.json)
      terminal.out(JSON.stringify({ ...line, environment: prefix.replace(" | ", "") || null }));
    else terminal.raw(line.stream, `${prefix}${time}${line.text}`);
  };
}

function selectionOf(invocation: Invocation, now: Date): Result<Selection, readonly Problem[]> {
  const lines = textOption(invocation, "lines");
  const since = textOption(invocation, "since");
  const count = lines === null ? Number.POSITIVE_INFINITY : /^\d+$/.test(lines) ? Number(lines) : null;
  if (count === null) return failure([wrong("lines", lines, "a number")]);
  const time = since === null ? null : parseSince(since, now);
  if (since !== null && time === null)
    return failure([wrong("since", since, "10m, 2h, 1d or a date such as 2026-11-23T10:00")]);
  return success({ count, since: time });
}

const wrong = (option: string, value: string | null, expected: string): Problem => ({
  code: "wrong-option",
  message: `--${option} cannot be \`${value}\``,
  place: null,
  expected,
});
