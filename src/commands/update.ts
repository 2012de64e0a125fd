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
import { contextOf, distinct } from "./build.ts";
import { exitCodes, type Invocation, type Verb } from "./invocation.ts";
import { type LoadedProject, makeStateDirectories, openProject, openRegistry, saveLock } from "./session.ts";

/** `pavlos update [NAMES...]`: looks up again what names stand for, and says what moved. */
export const update: Verb = async (invocation) => {
  const { args, terminal, globals } = invocation;
  const project = await openProject(invocation, "update");
  if (!project.ok) return project;
  const { desired, identity } = project.value;
  const unknown = args.filter((name) => !desired.environments.some((one) => one.name === name));
  if (unknown.length > 0) {
    const names = desired.environments.map(({ name }) => name).join(", ");
    const said = (name: string) => `the files name no environment \`${name}\``;
    return failure(
      unknown.map((name) => ({
        code: "unknown-environment",
        message: said(name),
        place: null,
        expected: names,
      })),
    );
  }
  const registry = await openRegistry(project.value);
  if (!registry.ok) return registry;
  const installed = await installAnew({ invocation, project: project.value, registry: registry.value });
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
async function installAnew({ invocation, project, registry }: Work): Promise<readonly Problem[]> {
  const { args, terminal, globals } = invocation;
  const asked = new Map<string, { readonly environment: Environment; readonly rootfs: Bootstrap }>();
  for (const environment of project.desired.environments) {
    const rootfs = environment.rootfs.kind === "build" ? environment.rootfs.from : environment.rootfs;
    const isAsked = args.length === 0 || args.includes(environment.name);
    if (isAsked && rootfs.kind === "bootstrap") asked.set(JSON.stringify(rootfs), { environment, rootfs });
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
function rowsOf({ path: [, ...keys], from, to }: LockChange): readonly (readonly string[])[] {
  if (from === null || to === null || typeof from === "string" || typeof to === "string")
    return [[keys.join(" "), shown(from), "->", shown(to)]];
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])];
  return names
    .filter((name) => !isDeepStrictEqual(from[name], to[name]))
    .flatMap((name) => rowsOf({ path: ["", ...keys, name], from: from[name] ?? null, to: to[name] ?? null }));
}

/** Digests short, as everybody reads them. */
const shown = (node: LockChange["from"]): string => {
  if (node === null) return "-";
  return shortDigest(typeof node === "string" ? node : JSON.stringify(node));
};
