import type { Happening } from "../model/happening.ts";
import type { Style } from "./terminal.ts";

/** One line of `pavlos events`: time, environment, what happened. */
export function renderHappening({ time, environment, kind, facts }: Happening, style: Style): string {
  const when = new Date(time);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${when.getFullYear()}-${two(when.getMonth() + 1)}-${two(when.getDate())}`;
  const clock = `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}`;
  const more = Object.entries(facts).map(
    ([key, value]) => `${words[key] ?? key} ${String(value).replaceAll("\n", " ")}`,
  );
  const tail = more.length === 0 ? "" : style("gray", `  ${more.join(", ")}`);
  return `${style("gray", `${day} ${clock}`)}  ${environment}  ${style(colorOf(kind), kind)}${tail}`;
}

const words: Readonly<Record<string, string>> = {
  exitCode: "code",
  output: "said",
  againIn: "again in ms",
};

function colorOf(kind: string): "green" | "red" | "yellow" {
  if (/^(started|healthy|restarted)$/.test(kind)) return "green";
  return /failed|oom|gave-up|unhealthy/.test(kind) ? "red" : "yellow";
}
