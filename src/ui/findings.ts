import type { Style } from "./terminal.ts";

/** One line of `pavlos doctor`, and the fix below it. */
export interface ShownFinding {
  readonly name: string;
  readonly status: "ok" | "warning" | "failed";
  readonly detail: string;
  readonly fix: string;
}

const marks = {
  ok: { text: "✔", color: "green" },
  warning: { text: "!", color: "yellow" },
  failed: { text: "✖", color: "red" },
} as const;

export function renderFindings(findings: readonly ShownFinding[], style: Style): string {
  const width = Math.max(...findings.map(({ name }) => name.length)) + 2;
  return findings
    .flatMap(({ name, status, detail, fix }) => {
      const mark = marks[status];
      const fixLines =
        status === "ok"
          ? []
          : fix.split("\n").map((line) => `${" ".repeat(width + 2)}${style("cyan", line)}`);
      return [`${style(mark.color, mark.text)} ${name.padEnd(width)}${detail}`, ...fixLines];
    })
    .join("\n");
}
