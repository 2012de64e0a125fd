import type { Environment } from "../model/environment.ts";
import type { Actual } from "../model/instance.ts";
import type { Change } from "../model/plan.ts";
import type { Context } from "../providers/provider.ts";
import type { Machinery } from "./api.ts";

/**
 * What cannot be changed live right now (a GPU that a process holds) needs a restart: the plan says so
 * before anybody agrees to it. Only live changes are asked about, and only providers that know.
 */
export async function withObstacles(
  machinery: Machinery,
  context: Context,
  known: {
    readonly changes: readonly Change[];
    readonly actual: Actual;
    readonly wanted: ReadonlyMap<string, Environment>;
  },
): Promise<readonly Change[]> {
  const instances = new Map(known.actual.instances.map((instance) => [instance.name, instance]));
  return Promise.all(
    known.changes.map(async (change) => {
      const instance = instances.get(change.environment);
      const environment = known.wanted.get(change.environment);
      if (change.action !== "live" || instance === undefined || environment === undefined) return change;
      const { record, process } = instance;
      if (process.pid === null) return change;
      const container = { id: record.containerId, pid: process.pid, applied: record.spec };
      for (const provider of machinery.providers) {
        const own = change.fields.filter(({ path }) =>
          provider.fields.some(
            (field) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`),
          ),
        );
        if (own.length === 0 || provider.obstacle === undefined) continue;
        const obstacle = await provider.obstacle(environment, context, container);
        if (obstacle !== null)
          return restarting(
            change,
            own.map(({ path }) => path),
            obstacle,
          );
      }
      return change;
    }),
  );
}

const restarting = (change: Change, paths: readonly string[], obstacle: string): Change => ({
  ...change,
  action: "restart",
  fields: change.fields.map((field) =>
    paths.includes(field.path)
      ? { ...field, impact: "restart", reason: `forces restart: ${obstacle}` }
      : field,
  ),
});
