import { basename, join } from "node:path";
import { namePattern } from "../config/schema.ts";
import { realFiles } from "../host/real-files.ts";
import { failure, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { configTemplate, environmentTemplate } from "./init/templates.ts";
import { type Invocation, textOption, type Verb } from "./invocation.ts";

/** `pavlos init [NAME]`: a first file to go on from. Never replaces one. */
export const init: Verb = async (invocation) => {
  const { options, globals, terminal } = invocation;
  const name = nameFor(invocation);
  if (!namePattern.test(name)) return failure([wrongName(name)]);
  const root = process.cwd();
  const files = new Map([[`environments/${name}.yaml`, environmentTemplate(schemaPath(root))]]);
  if (options.configTs === true) files.set("pavlos.config.ts", configTemplate(basename(root)));
  const existing = [...files.keys(), `environments/${name}.yml`].filter(
    (file) => realFiles.status(join(root, file)) !== null,
  );
  if (existing.length > 0) return failure(existing.map(exists));
  if (schemaPath(root) === ownSchema) files.set(`environments/${ownSchema}`, await schemaText());
  realFiles.makeDirectory(join(root, "environments"), 0o755);
  for (const [file, text] of files) realFiles.create(join(root, file), text);
  const written = [...files.keys()];
  if (globals.json) terminal.out(JSON.stringify({ version: 1, name, files: written }, null, 2));
  else if (!globals.quiet) {
    for (const file of written) terminal.out(`wrote ${file}`);
    terminal.err("next: edit it, then `pavlos diff` and `pavlos apply`");
  }
  return success(0);
};

/** The argument, --name, else the directory's. */
function nameFor(invocation: Invocation): string {
  const given = invocation.args[0] ?? textOption(invocation, "name");
  if (given !== null) return given;
  return (
    basename(process.cwd())
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, "-")
      .replaceAll(/^-+|-+$/g, "")
      .slice(0, 63) || "dev"
  );
}

const ownSchema = "schema.json";
const installed = "node_modules/pavlos/schema/environment.schema.json";

/** Relative to environments/: the package's where the project has it, else a copy, which can be committed. */
const schemaPath = (root: string): string =>
  realFiles.status(join(root, installed)) === null ? ownSchema : `../${installed}`;

async function schemaText(): Promise<string> {
  const { environmentJsonSchema } = await import("../config/json-schema.ts");
  return `${JSON.stringify(environmentJsonSchema(), null, 2)}\n`;
}

const exists = (file: string): Problem => ({
  code: "file-exists",
  message: `${file} exists already`,
  place: null,
  hint: "choose another name: `pavlos init NAME`; what exists is never replaced",
});

const wrongName = (name: string): Problem => ({
  code: "wrong-name",
  message: `an environment cannot be called \`${name}\``,
  place: null,
  expected: "lower-case letters, digits and -, at most 63, the first no -",
});
