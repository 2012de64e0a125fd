import { dirname } from "node:path";
import { type EnvironmentPaths, environmentPaths } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";
import { type Attachment, nothing } from "./attachment.ts";

/** What the running container was given, beside its bundle: drift is seen and undone by it. */
export function readStored(tools: Tools, projectId: string, name: string): Attachment {
  const text = tools.files.readText(pathOf(tools, projectId, name));
  if (text === null) return nothing;
  try {
    return { ...nothing, ...(JSON.parse(text) as Partial<Attachment>) };
  } catch {
    // Written as a whole: it is not ours. Then everything differs, and is set again.
    return nothing;
  }
}

export function writeStored(
  tools: Tools,
  {
    projectId,
    name,
    attachment,
  }: { readonly projectId: string; readonly name: string; readonly attachment: Attachment },
): void {
  const path = pathOf(tools, projectId, name);
  tools.files.makeDirectory(dirname(path), 0o755);
  tools.files.replace(path, JSON.stringify(attachment));
}

/** Where it is, in an environment. */
export const storedPath = ({ bundle }: EnvironmentPaths): string => `${bundle}/devices.json`;

const pathOf = (tools: Tools, projectId: string, name: string): string =>
  storedPath(environmentPaths(tools.paths, projectId, name));
