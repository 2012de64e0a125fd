import { isDeepStrictEqual } from "node:util";
import type { Bootstrap } from "../model/build.ts";
import type { Environment } from "../model/environment.ts";
import { failure, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Registry } from "../providers/registry.ts";
import type { LockChange } from "../state/lock-file/lock-file.ts";
import { buildReport } from "../ui/build.ts";
import { renderTable } from "../ui/table.ts";
import { shortDigest } from "../ui/values.ts";
import { chooseEnvironments, contextOf, distinct } from "./build.ts";
import { exitCodes, type Invocation, type Verb } from "./invocation.ts";
import { rootBelow } from "./pin.ts";
import { type LoadedProject, makeStateDirectories, openProject, openRegistry, saveLock } from "./session.ts";

/** `pavlos update [NAMES...]`: looks up again what names stand for, and says what moved. */
export const update: Verb = async (invocation) => {
  const { args, terminal, globals } = invocation;
  const project = await openProject(invocation, "update");
  if (!project.ok) return project;
  const { desired, identity } = project.value;
  const chosen = chooseEnvironments(args, desired.environments);
  if (!chosen.ok) return chosen;
  const registry = await openRegistry(project.value);
  if (!registry.ok) return registry;
  const work = { invocation, project: project.value, registry: registry.value };
  const installed = await installAnew(work, chosen.value);
  if (installed.length > 0) return failure(distinct(installed));
  const changes = registry.value.lockFile(identity.root).changes();
  const saved = await saveLock(project.value);
  if (!saved.ok) return saved;
  if (globals.json) terminal.out(JSON.stringify({ version: 1, changes: changes.map(documentOf) }, null, 2));
  else if (changes.length === 0) terminal.out("Nothing has moved.");
  else if (!globals.quiet) {
    const rows = changes.flatMap(rowsOf);
    terminal.out(renderTable(["NAME", "WAS", "", "IS"], rows, terminal.outStyle));
    terminal.out("`pavlos diff` shows what that changes, `pavlos apply` changes it.");
  }
  return success(exitCodes.fine);
};

interface Work {
  readonly invocation: Invocation;
  readonly project: LoadedProject;
  readonly registry: Registry;
}

/** What a distribution has now is only known when it was installed; once for all who ask for the same. */
async function installAnew(
  { invocation, project, registry }: Work,
  environments: readonly Environment[],
): Promise<readonly Problem[]> {
  const { terminal, globals } = invocation;
  const asked = new Map<string, { readonly environment: Environment; readonly rootfs: Bootstrap }>();
  for (const environment of environments) {
    const rootfs = rootBelow(environment);
    if (rootfs.kind === "bootstrap") asked.set(JSON.stringify(rootfs), { environment, rootfs });
  }
  if (asked.size === 0) return [];
  makeStateDirectories(project);
  const report = buildReport(terminal, globals);
  const context = contextOf({ invocation, project }, (event) => report.event(event));
  const { update } = registry.roots.stacks;
  const outcomes = await Promise.all([...asked.values()].map((one) => update({ ...one, context })));
  report.finish();
  return outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.failure]));
}

const documentOf = ({ path: [section, ...keys], from, to }: LockChange) => ({
  section,
  name: keys.join(" "),
  from,
  to,
});

/** A line for each value that is another: a distribution has hundreds of packages. */
const rowsOf = ({ path: [, ...keys], from, to }: LockChange) => rowsAt(keys.join(" "), from, to);

function rowsAt(
  name: string,
  from: LockChange["from"],
  to: LockChange["to"],
): readonly (readonly string[])[] {
  if (from === null || to === null || typeof from === "string" || typeof to === "string")
    return [[name, shown(from), "->", shown(to)]];
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return keys
    .filter((key) => !isDeepStrictEqual(from[key], to[key]))
    .flatMap((key) => rowsAt(`${name} ${key}`, from[key] ?? null, to[key] ?? null));
}

/** Digests short, as everybody reads them. */
const shown = (node: LockChange["from"]): string => {
  if (node === null) return "-";
  return shortDigest(typeof node === "string" ? node : JSON.stringify(node));
};
