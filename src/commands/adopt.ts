import { formatSize } from "../config/sizes.ts";
import { realConfigReader } from "../host/real-config-reader.ts";
import { trees } from "../host/trees.ts";
import type { FieldChange } from "../model/plan.ts";
import type { Desired } from "../model/project.ts";
import { failure, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { foresee } from "../reconcile/reconcile.ts";
import { formatPlace } from "../ui/places.ts";
import { formatValue } from "../ui/values.ts";
import type { Verb } from "./invocation.ts";
import { openMachinery, openProject } from "./session.ts";

/** `pavlos adopt NAME`: what was changed from outside becomes what the file says; its comments and order stay. */
export const adopt: Verb = async (invocation) => {
  const { args, terminal, globals } = invocation;
  const project = await openProject(invocation);
  if (!project.ok) return project;
  const machinery = await openMachinery(invocation, project.value, () => undefined);
  if (!machinery.ok) return machinery;
  const { desired } = project.value;
  const { plan, problems } = await foresee(machinery.value, { kind: "apply", desired, names: args });
  if (problems.length > 0) return failure(problems);
  const drifted = plan.changes.flatMap(({ environment, fields }) =>
    fields.filter(isDrift).map((field) => ({ environment, field })),
  );
  const adopted: object[] = [];
  const refused: Problem[] = [];
  for (const one of drifted) {
    const problem = await write(desired, one);
    if (problem === null)
      adopted.push({ environment: one.environment, path: one.field.path, value: one.field.live ?? null });
    else refused.push(problem);
    if (problem === null && !globals.json) terminal.out(told(one));
  }
  if (globals.json) terminal.out(JSON.stringify({ version: 1, adopted }, null, 2));
  else if (drifted.length === 0) terminal.out("Nothing to adopt: everything is as the files say.");
  else if (adopted.length > 0 && !globals.quiet)
    terminal.err("`pavlos apply` notes it: nothing else changes");
  return refused.length > 0 ? failure(refused) : success(0);
};

interface Drifted {
  readonly environment: string;
  readonly field: FieldChange;
}

/** The kernel has another value than the file; one that the file changed meanwhile is not drift. */
const isDrift = (field: FieldChange): boolean => "live" in field && field.reason !== undefined;

const told = ({ environment, field }: Drifted): string => {
  const place = field.source === null ? "" : ` (${formatPlace(field.source, process.cwd())})`;
  return `${environment}: ${field.path} is ${formatValue(field.path, field.live)} now in the file as well${place}`;
};

async function write(desired: Desired, drifted: Drifted): Promise<Problem | null> {
  const { environment, field } = drifted;
  const origin = desired.origin.get(environment);
  const value = textOf(field);
  if (origin === undefined || value === undefined)
    return byHand(drifted, "this value cannot be written by a program");
  if (!/\.ya?ml$/.test(origin.file)) return byHand(drifted, `${origin.file} is a program`);
  const { rewrite } = await import("../config/rewrite.ts");
  const text = rewrite(realConfigReader, origin, { path: field.path.split("."), text: value });
  if (text === null)
    return byHand(drifted, "its place is written in a way that cannot be changed without writing it anew");
  trees.replaceKeepingMode(origin.file, text);
  return null;
}

/** As the file format has it; null: no limit, so no key. Undefined: not a single value. */
function textOf({ path, live }: FieldChange): string | null | undefined {
  if (live === null) return null;
  if (typeof live === "number")
    return /^resources\.(memory|swap|shm)$/.test(path) ? formatSize(live) : String(live);
  if (typeof live === "boolean") return String(live);
  if (typeof live === "string" && /^[\w.,-]+$/.test(live))
    return /^[\d.,-]+$/.test(live) ? JSON.stringify(live) : live;
  return undefined;
}

const byHand = ({ environment, field }: Drifted, why: string): Problem => ({
  code: "adopt-by-hand",
  message: `${field.path} of ${environment} is not written back: ${why}`,
  place: field.source,
  hint: `write it yourself: ${field.path}: ${textOf(field) ?? formatValue(field.path, field.live)}`,
});
