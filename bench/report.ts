import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { arch, cpus, release } from "node:os";
import { join } from "node:path";

/** One line of a suite's table: `what`, then columns; null prints as a dash. */
export interface Row {
  readonly what: string;
  readonly [column: string]: string | number | null;
}

export interface Suite {
  readonly title: string;
  readonly about: string;
  readonly rows: readonly Row[];
}

interface Stored extends Suite {
  readonly command: string;
  readonly date: string;
  readonly machine: string;
}

const results = join(import.meta.dirname, "results.json");
const readme = join(import.meta.dirname, "README.md");

/** Stores the suite beside the others' last results and renders bench/README.md anew. */
export function record(name: string, suite: Suite): void {
  const all: Record<string, Stored> = existsSync(results) ? JSON.parse(readFileSync(results, "utf8")) : {};
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} cores, ${arch()}, Linux ${release().split("-")[0]}`;
  all[name] = { ...suite, command: `npm run bench -- ${name}`, date, machine };
  writeFileSync(results, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(readme, render(all));
}

function render(all: Record<string, Stored>): string {
  const parts = Object.values(all).map(
    (suite) =>
      `## ${suite.title}\n\n${suite.about}\n\n\`${suite.command}\`, ${suite.date}, ${suite.machine}; medians of interleaved runs.\n\n${table(suite.rows)}\n`,
  );
  return `${intro}\n${parts.join("\n")}`;
}

const intro = `# Measurements

Side by side with peers, in one run on the same machine; figures of a small virtual machine are noisy, so
read the ratios. \`npm run bench\` runs all suites with whatever peers are in PATH (crun, runc, bwrap, docker
with compose, bsdtar, strace) and rewrites this page; \`npm run bench -- launch\` runs one.
`;

function table(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const lines = rows.map((row) => `| ${columns.map((column) => cell(row[column])).join(" | ")} |`);
  return [
    `| ${columns.map((c) => (c === "what" ? "" : c)).join(" | ")} |`,
    `|${columns.map(() => "---|").join("")}`,
    ...lines,
  ].join("\n");
}

function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return "-";
  if (typeof value === "string") return value;
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 2 : 0);
}
