/** One line of a container's log; see docs/pavlosc.md. */
export interface LogLine {
  /** RFC 3339 with nanoseconds; compares as text. */
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** With its newline; a piece of a long line (`P`) has none. */
  readonly text: string;
}

/** Null: not such a line (a torn write at the moment of a crash). */
export function parseLogLine(line: string): LogLine | null {
  const match = /^(\S+) (stdout|stderr) ([FP]) (.*)$/s.exec(line);
  if (match === null) return null;
  const [, time = "", stream, kind, text = ""] = match;
  return { time, stream: stream === "stderr" ? "stderr" : "stdout", text: kind === "F" ? `${text}\n` : text };
}

/** The lines of `texts` (newest file first), in order: the last `count` of those since `since`. */
export function lastLines(texts: Iterable<string>, { count, since }: Selection): readonly LogLine[] {
  const parts: LogLine[][] = [];
  // Without its Z, the shorter fraction of a second sorts before the longer one.
  const from = since?.replace(/Z$/, "") ?? null;
  let whole = 0;
  for (const text of texts) {
    const lines = text.split("\n").flatMap((line) => parseLogLine(line) ?? []);
    const wanted = from === null ? lines : lines.filter((line) => line.time >= from);
    parts.unshift(wanted);
    whole += wanted.filter((line) => line.text.endsWith("\n")).length;
    if (whole > count || wanted.length < lines.length) break;
  }
  return lastWhole(parts.flat(), count);
}

export interface Selection {
  /** Infinity: all. */
  readonly count: number;
  /** RFC 3339; null: from the beginning. */
  readonly since: string | null;
}

/** Turns pieces of text into lines; what has no newline yet waits for the next piece. */
export function lineReader(): (piece: string) => readonly LogLine[] {
  let rest = "";
  return (piece) => {
    const lines = (rest + piece).split("\n");
    rest = lines.pop() ?? "";
    return lines.flatMap((line) => parseLogLine(line) ?? []);
  };
}

/** "10m", "2h", "1d" ago, or a date; null: neither. */
export function parseSince(text: string, now: Date): string | null {
  const ago = /^(\d+)(s|m|h|d)$/.exec(text);
  if (ago !== null) {
    const [, amount, unit = "s"] = ago;
    return new Date(now.getTime() - Number(amount) * (milliseconds[unit] ?? 0)).toISOString();
  }
  const date = new Date(text);
  return Number.isNaN(date.getTime()) || /^\d+$/.test(text) ? null : date.toISOString();
}

const milliseconds: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A long line counts as one, however many pieces it has. */
function lastWhole(lines: readonly LogLine[], count: number): readonly LogLine[] {
  let begin = lines.length;
  for (let seen = 0; begin > 0; begin -= 1) {
    const startsLine = lines[begin - 1]?.text.endsWith("\n") === true || begin === lines.length;
    if (startsLine && seen === count) break;
    if (startsLine) seen += 1;
  }
  return lines.slice(begin);
}
