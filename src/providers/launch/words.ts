import { environmentPaths } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";

/** So many lines say why. */
const count = 5;

/** The last lines that an environment wrote, since it was started. */
export function lastWords(
  { files, paths }: Tools,
  projectId: string,
  { name, since }: { readonly name: string; readonly since: string | null },
): readonly string[] {
  const text = files.readText(environmentPaths(paths, projectId, name).log) ?? "";
  const begin = since?.replace(/Z$/, "") ?? "";
  return text
    .slice(-16_384)
    .split("\n")
    .flatMap((line) => {
      const [, time = "", said = ""] = /^(\S+) (?:stdout|stderr) [FP] (.*)$/.exec(line) ?? [];
      return time >= begin && said !== "" ? [said] : [];
    })
    .slice(-count);
}
