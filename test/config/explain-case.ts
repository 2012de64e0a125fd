import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadLegacy } from "../../src/config/legacy-file.ts";
import { loadProject } from "../../src/config/load.ts";
import type { ConfigReader } from "../../src/host/config-reader.ts";
import { realConfigReader } from "../../src/host/real-config-reader.ts";
import type { Problem } from "../../src/model/source.ts";
import { renderProblem } from "../../src/ui/problems.ts";
import { plain } from "../../src/ui/terminal.ts";
import { machine } from "./support.ts";

/** How a case is loaded, from its options.json. */
interface CaseOptions {
  readonly files?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly legacy?: string;
}

/** What the user reads of the project in a directory; its own path is shown as <project>. */
export async function explainCase(directory: string): Promise<string> {
  const problems = await problemsOf(directory);
  return `${problems.map((problem) => rendered(problem, directory)).join("\n\n")}\n`;
}

async function problemsOf(directory: string): Promise<readonly Problem[]> {
  const options = optionsOf(directory);
  const base = { cwd: directory, host: machine, env: options.env ?? {}, reader: enclosed(directory) };
  const loaded = options.legacy
    ? await loadLegacy(join(directory, options.legacy), base)
    : await loadProject({ ...base, files: options.files ?? [] });
  if (loaded.ok) throw new Error("the project was accepted");
  return loaded.failure;
}

function optionsOf(directory: string): CaseOptions {
  const file = join(directory, "options.json");
  return existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : {};
}

/** The folder as the repository's root: the search for files stops there. */
const enclosed = (directory: string): ConfigReader => ({
  ...realConfigReader,
  stat: (path) => (path === join(directory, ".git") ? "directory" : realConfigReader.stat(path)),
});

function rendered(problem: Problem, directory: string): string {
  const text = problem.place ? realConfigReader.readText(problem.place.file) : null;
  const shown = renderProblem(problem, text?.ok ? text.value : null, { style: plain, base: directory });
  return shown.replaceAll(directory, "<project>");
}

// As a program: prints the explanations of the directories that it is given, as JSON.
if (import.meta.main) {
  const explained: string[] = [];
  for (const directory of process.argv.slice(2)) explained.push(await explainCase(directory));
  process.stdout.write(JSON.stringify(explained));
}
