import { join, resolve } from "node:path";
import { kindOf } from "../config/import/kind.ts";
import { importLegacy } from "../config/legacy-file.ts";
import { realConfigReader } from "../host/real-config-reader.ts";
import { realFiles } from "../host/real-files.ts";
import { failure, success } from "../model/result.ts";
import { namedRootPath } from "../state/paths.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { openPlace } from "./session.ts";

/** `pavlos import FILE`: compose.yaml, devcontainer.json or the first Pavlos's FILE.json as environments/NAME.yaml. */
export const importFile: Verb = async (invocation) => {
  const { args, options, globals, terminal } = invocation;
  const [file = ""] = args;
  const path = realConfigReader.realpath(resolve(file));
  if (kindOf(path) !== "legacy") return (await import("./import-foreign.ts")).importForeign(invocation, path);
  return await legacy(path, { options, globals, terminal });
};

async function legacy(
  file: string,
  { options, globals, terminal }: Pick<Invocation, "options" | "globals" | "terminal">,
): ReturnType<Verb> {
  const imported = await importLegacy(file, realConfigReader, {
    hasDefaultRoot: hasDefaultRoot(),
  });
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
}

const exists = (file: string) => ({
  code: "file-exists",
  message: `${file} exists already`,
  place: null,
  hint: "--force replaces it",
});

/** Where no state can be found there is none. */
function hasDefaultRoot(): boolean {
  const place = openPlace();
  return place.ok && realFiles.status(namedRootPath(place.value.paths, "default")) !== null;
}
