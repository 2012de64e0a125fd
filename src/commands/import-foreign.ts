import { join, relative } from "node:path";
import type { ImportResult } from "../config/import/compose.ts";
import type { Finding } from "../config/import/findings.ts";
import { readImport } from "../config/import/read.ts";
import { realConfigReader } from "../host/real-config-reader.ts";
import { realFiles } from "../host/real-files.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { renderImport } from "../ui/imports.ts";
import { formatPlace } from "../ui/places.ts";
import type { Invocation } from "./invocation.ts";

/** A compose file or a devcontainer.json: a file for each environment, and what became of every key. */
export async function importForeign(
  { options, globals, terminal }: Invocation,
  file: string,
): Promise<Result<number, readonly Problem[]>> {
  const root = process.cwd();
  const imported = readImport(file, { root, reader: realConfigReader });
  if (!imported.ok) return imported;
  const { environments, findings } = imported.value;
  const targets = environments.map(({ name }) => `environments/${name}.yaml`);
  const twice = targets.find((target, index) => targets.indexOf(target) !== index);
  if (twice !== undefined) return failure([ambiguous(twice)]);
  const there = targets.filter((target) => realFiles.status(join(root, target)) !== null);
  if (there.length > 0 && options.force !== true) return failure(there.map(exists));
  await write(imported.value, { root, file });
  if (globals.json) terminal.out(JSON.stringify(documentOf(targets, findings), null, 2));
  else {
    if (!globals.quiet) terminal.out(renderImport(findings, terminal.outStyle, root));
    for (const target of targets) terminal.out(`wrote ${target}`);
  }
  return success(0);
}

async function write(
  { environments, findings }: ImportResult,
  { root, file }: { readonly root: string; readonly file: string },
): Promise<void> {
  const { stringify } = await import("yaml");
  realFiles.makeDirectory(join(root, "environments"), 0o755);
  for (const { name, environment } of environments) {
    const { name: _, ...fields } = environment;
    const head = [
      `Imported from ${relative(root, file) || file}.`,
      ...findings
        .filter(({ outcome, path }) => outcome === "lost" && belongsTo(path, name, environments.length))
        .map(({ path, note }) => `Lost: ${path}: ${note}`),
    ];
    const path = join(root, "environments", `${name}.yaml`);
    await realFiles.remove(path);
    const body = Object.keys(fields).length === 0 ? "{}\n" : stringify(fields, { lineWidth: 100 });
    realFiles.create(path, `${head.map((line) => `# ${line}\n`).join("")}${body}`);
  }
}

/** Of several environments each file tells what is lost of its own service. */
const belongsTo = (path: string, name: string, count: number): boolean =>
  count === 1 ||
  path
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .startsWith(`services.${name}.`);

const documentOf = (files: readonly string[], findings: readonly Finding[]): object => ({
  version: 1,
  files,
  keys: findings.map(({ place, ...finding }) => ({ ...finding, place: formatPlace(place, process.cwd()) })),
});

const exists = (file: string): Problem => ({
  code: "file-exists",
  message: `${file} exists already`,
  place: null,
  hint: "nothing was written; --force replaces it",
});

const ambiguous = (file: string): Problem => ({
  code: "import-ambiguous",
  message: `two services would both become ${file}`,
  place: null,
  hint: "rename one of them: names of environments have lower-case letters, digits and -",
});
