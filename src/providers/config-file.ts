import { join } from "node:path";
import type { Result } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { printConfig } from "../oci/config.ts";
import type { OciConfig } from "../oci/oci-runtime.gen.ts";
import { environmentPaths } from "../state/paths.ts";
import { attempt } from "./attempt.ts";
import type { Context } from "./provider.ts";
import type { Tools } from "./tools.ts";

/**
 * Changes the bundle of a container that runs, after the container itself: its supervisor makes the
 * next run from it, and new shells start from its process.
 */
export function changeConfig(
  { files, paths }: Tools,
  { name, context }: { readonly name: string; readonly context: Context },
  change: (config: OciConfig) => OciConfig,
): Promise<Result<void, Problem>> {
  const file = join(environmentPaths(paths, context.project.id, name).bundle, "config.json");
  return attempt(`the bundle of ${name} cannot be changed`, () => {
    const config = JSON.parse(files.readText(file) ?? "") as OciConfig;
    files.replace(file, printConfig(change(config)));
  });
}
