import { success } from "../../model/result.ts";
import { listSnapshots } from "../../providers/rootfs/snapshots/store.ts";
import { renderTable } from "../../ui/table.ts";
import { approximateBytes, formatAge } from "../../ui/values.ts";
import type { Verb } from "../invocation.ts";
import { openTools } from "../session.ts";
import { findTargets } from "../target.ts";

/** `pavlos snapshot list [NAME...]`: of all environments, or of those named. */
export const list: Verb = async (invocation) => {
  const { args, terminal, globals } = invocation;
  const targets = await findTargets(invocation, args);
  if (!targets.ok) return targets;
  const found = [];
  for (const { project, record } of targets.value) {
    const tools = openTools(project);
    if (!tools.ok) return tools;
    const place = { tools: tools.value, projectId: project.identity.id, name: record.name };
    found.push(...listSnapshots(place).map((snapshot) => ({ environment: record.name, ...snapshot })));
  }
  if (globals.json) terminal.out(JSON.stringify({ version: 1, snapshots: found }, null, 2));
  else if (globals.quiet) for (const { name } of found) terminal.out(name);
  else if (found.length === 0) terminal.err("No snapshots: `pavlos snapshot save NAME` makes one.");
  else {
    const now = Date.now();
    const rows = found.map(({ environment, name, createdAt, bytes, state }) => [
      environment,
      name,
      formatAge(now - Date.parse(createdAt)),
      approximateBytes(bytes),
      state,
    ]);
    terminal.out(renderTable(["NAME", "SNAPSHOT", "AGE", "SIZE", "OF"], rows, terminal.outStyle));
  }
  return success(0);
};
