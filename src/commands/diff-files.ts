import type { RootChanges } from "../model/files.ts";
import { failure, success } from "../model/result.ts";
import { groupFiles, renderGroups } from "../ui/files.ts";
import type { Verb } from "./invocation.ts";
import { openTools } from "./session.ts";
import { findTargets } from "./target.ts";

/** `pavlos diff --files`: what was changed in the roots, and would be lost with them. */
export const diffFiles: Verb = async (invocation) => {
  const { args, globals, terminal } = invocation;
  const targets = await findTargets(invocation, args);
  if (!targets.ok) return targets;
  const { rootChanges, isMachinery } = await import("../providers/rootfs/changes.ts");
  const looked: { readonly environment: string; readonly changes: RootChanges }[] = [];
  for (const { project, record } of targets.value) {
    const tools = openTools(project);
    if (!tools.ok) return tools;
    const changes = await rootChanges(tools.value, project.identity.id, record.name);
    if (!changes.ok) return failure([changes.failure]);
    looked.push({ environment: record.name, changes: changes.value });
  }
  if (globals.json) terminal.out(JSON.stringify(document(looked), null, 2));
  else {
    const blocks = looked
      .filter(({ changes }) => changes.files.length > 0)
      .map(({ environment, changes }) => {
        const lines = renderGroups(groupFiles(changes, isMachinery), terminal.outStyle);
        return [terminal.outStyle("bold", environment), ...lines].join("\n");
      });
    terminal.out(blocks.length === 0 ? "Nothing was written in their roots." : blocks.join("\n\n"));
  }
  return success(0);
};

function document(
  looked: readonly { readonly environment: string; readonly changes: RootChanges }[],
): object {
  const files = looked.flatMap(({ environment, changes }) =>
    changes.files.map((file) => {
      const owner = changes.owners.get(file.path);
      const origin = owner === undefined ? null : (changes.packages[owner]?.name ?? null);
      return { environment, ...file, package: origin };
    }),
  );
  const packages = looked.flatMap(({ environment, changes }) =>
    changes.packages.map((change) => ({ environment, ...change })),
  );
  return { version: 1, files, packages };
}
