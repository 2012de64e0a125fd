import type { Environment } from "../model/environment.ts";
import type { Impact, ImpactTable } from "../model/impact.ts";
import type { Action } from "../model/plan.ts";
import { byLongestPrefix } from "./compare.ts";

/** What changing the field at `path` costs in this environment. */
export function impactOf(table: ImpactTable, path: string, wanted: Environment): Impact {
  // New shells see a new variable at once; a command that runs already does not.
  if (path === "env" || path.startsWith("env.")) return wanted.command.length > 0 ? "restart" : "live";
  return byLongestPrefix(path, (prefix) => table[prefix]) ?? "restart";
}

const order: readonly Action[] = ["record", "live", "restart", "recreate"];

/** The action that covers all impacts; `least` for none. */
export function strongest(impacts: readonly Impact[], least: Impact): Impact {
  return impacts.reduce(
    (most, impact) => (order.indexOf(impact) > order.indexOf(most) ? impact : most),
    least,
  );
}
