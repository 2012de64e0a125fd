import { filesBelow } from "../host/disk.ts";
import { realFiles } from "../host/real-files.ts";
import { success } from "../model/result.ts";
import { environmentPaths } from "../state/paths.ts";
import { renderTable } from "../ui/table.ts";
import { approximateBytes } from "../ui/values.ts";
import type { Verb } from "./invocation.ts";
import { findTargets, type Target } from "./target.ts";

/** `pavlos diff --files`: what was written in the roots, and would be lost with them. */
export const diffFiles: Verb = async ({ args, globals, terminal, ...rest }) => {
  const targets = await findTargets({ args, globals, terminal, ...rest }, args);
  if (!targets.ok) return targets;
  const written = targets.value.flatMap(writtenIn);
  if (globals.json) terminal.out(JSON.stringify({ version: 1, files: written }, null, 2));
  else if (written.length === 0) terminal.out("Nothing was written in their roots.");
  else {
    const rows = written.map(({ environment, change, path, bytes }) => [
      environment,
      change,
      change === "removed" ? "-" : approximateBytes(bytes),
      path,
    ]);
    terminal.out(renderTable(["ENVIRONMENT", "", "SIZE", "PATH"], rows, terminal.outStyle));
  }
  return success(0);
};

interface Written {
  readonly environment: string;
  readonly change: "written" | "removed";
  /** Absolute, as inside. */
  readonly path: string;
  readonly bytes: number;
}

/** One directory for each layer; a character device is how overlayfs marks what was removed. */
function writtenIn({ project, record }: Target): readonly Written[] {
  const { upper } = environmentPaths(project.paths, project.identity.id, record.name);
  const layers = realFiles.list(upper) ?? [];
  return layers.flatMap((layer) =>
    [...filesBelow(`${upper}/${layer}`)].map(({ path, bytes, kind }) => ({
      environment: record.name,
      change: kind === "device" ? ("removed" as const) : ("written" as const),
      path: `/${path}`,
      bytes,
    })),
  );
}
