import { join, resolve } from "node:path";
import { importLegacy } from "../config/legacy-file.ts";
import { realConfigReader } from "../host/real-config-reader.ts";
import { realFiles } from "../host/real-files.ts";
import { failure, success } from "../model/result.ts";
import type { Verb } from "./invocation.ts";

/** `pavlos import FILE.json`: the first Pavlos's format as environments/NAME.yaml. */
export const importFile: Verb = async ({ args: [file = ""], options, globals, terminal }) => {
  const imported = await importLegacy(realConfigReader.realpath(resolve(file)), realConfigReader);
  if (!imported.ok) return imported;
  const { name, yaml, notices } = imported.value;
  const target = `environments/${name}.yaml`;
  const path = join(process.cwd(), target);
  if (realFiles.status(path) !== null) {
    if (options.force !== true) return failure([exists(target)]);
    await realFiles.remove(path);
  }
  realFiles.makeDirectory(join(process.cwd(), "environments"), 0o755);
  realFiles.create(path, yaml);
  if (globals.json) terminal.out(JSON.stringify({ version: 1, name, file: target, notices }, null, 2));
  else {
    for (const { message, hint } of notices)
      terminal.err(`! ${message}${hint === undefined ? "" : ` (${hint})`}`);
    terminal.out(`wrote ${target}`);
  }
  return success(0);
};

const exists = (file: string) => ({
  code: "file-exists",
  message: `${file} exists already`,
  place: null,
  hint: "--force replaces it",
});
