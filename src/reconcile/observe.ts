import type { Actual, Drift, Instance, InstanceRecord, Leftover, Process } from "../model/instance.ts";
import type { Context } from "../providers/provider.ts";
import type { Machinery } from "./api.ts";

/** One look at everything that the project owns: the records joined with what the kernel says. */
export async function observe(machinery: Machinery, context: Context): Promise<Actual> {
  const { records, leftovers } = machinery.state.readRecords();
  const [processes, strays] = await Promise.all([
    machinery.launcher.processes(records, context),
    machinery.launcher.strays(records, context),
  ]);
  const drift = await observeDrift(machinery, context, { records, processes });
  const instances = records.map((record): Instance => {
    const { name } = record;
    return { name, record, process: processes.get(name) ?? absent, drift: drift.get(name) ?? new Map() };
  });
  return { instances, leftovers: withStrays(leftovers, strays, machinery.project.id) };
}

/** The records with what the kernel says of their containers; nobody has looked for drift. */
export async function joinProcesses(
  { launcher }: Machinery,
  context: Context,
  records: readonly InstanceRecord[],
): Promise<readonly Instance[]> {
  const processes = await launcher.processes(records, context);
  return records.map((record) => {
    const process = processes.get(record.name) ?? absent;
    return { name: record.name, record, process, drift: new Map() };
  });
}

const absent: Process = { status: "missing", pid: null, startedAt: null, exitCode: null, killed: false };

async function observeDrift(
  { providers }: Machinery,
  context: Context,
  known: { readonly records: readonly InstanceRecord[]; readonly processes: ReadonlyMap<string, Process> },
): Promise<ReadonlyMap<string, ReadonlyMap<string, Drift>>> {
  const running = known.records.flatMap((record) => {
    const process = known.processes.get(record.name);
    return process?.pid == null ? [] : [{ record, process }];
  });
  const joined = new Map<string, Map<string, Drift>>();
  if (running.length === 0) return joined;
  const views = await Promise.all(providers.map((provider) => provider.observe?.(running, context)));
  for (const view of views) {
    for (const [name, paths] of view ?? []) {
      const all = joined.get(name) ?? new Map<string, Drift>();
      for (const [path, drift] of paths) all.set(path, drift);
      joined.set(name, all);
    }
  }
  return joined;
}

/** A container without a record belongs to the directory of its name, or is all that is left of it. */
function withStrays(
  leftovers: readonly Leftover[],
  strays: readonly string[],
  projectId: string,
): readonly Leftover[] {
  const byName = new Map(leftovers.map((leftover) => [leftover.name, leftover]));
  for (const containerId of strays) {
    const name = containerId.slice(projectId.length + 1);
    const leftover = byName.get(name) ?? { name, reason: "a container without a record", removable: true };
    byName.set(name, { ...leftover, containerId });
  }
  return [...byName.values()];
}
