import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import { exportRoot } from "../providers/rootfs/export/export.ts";
import type { Stack } from "../providers/rootfs/store/stack.ts";
import { buildReport } from "../ui/build.ts";
import { chooseEnvironments, contextOf } from "./build.ts";
import { type Invocation, textOption, type Verb } from "./invocation.ts";
import { makeStateDirectories, openProject, openRegistry } from "./session.ts";

/** `pavlos export`: an environment's root as an image that other engines take, an archive or a squashfs. */
export const exportEnvironment: Verb = async (invocation) => {
  const project = await openProject(invocation, "lookUp");
  if (!project.ok) return project;
  const chosen = chooseEnvironments(invocation.args, project.value.desired.environments);
  if (!chosen.ok) return chosen;
  const [environment] = chosen.value;
  if (environment === undefined || chosen.value.length > 1) return failure([oneName]);
  const epoch = epochOf(process.env.SOURCE_DATE_EPOCH);
  if (!epoch.ok) return failure([epoch.failure]);
  const registry = await openRegistry(project.value);
  if (!registry.ok) return registry;
  makeStateDirectories(project.value);
  const { stacks, tools } = registry.value.roots;
  const report = buildReport(invocation.terminal, { ...invocation.globals, json: false });
  const context = contextOf({ invocation, project: project.value }, report.event);
  const { rootfs } = environment;
  if (rootfs.kind === "host")
    return failure([{ ...hostRoot, place: context.place(environment.name, "rootfs") }]);
  const stack: Result<Pick<Stack, "layers" | "config">, Problem> = rootfs.kind === "path"
    ? success({ layers: [rootfs.path], config: null })
    : await stacks.ensure({ environment, rootfs, context });
  if (!stack.ok) return failure([stack.failure]);
  const output = textOption(invocation, "output");
  const format = textOption(invocation, "format") ?? "oci";
  const { signal } = context;
  const request = { environment, stack: stack.value, epoch: epoch.value, signal, format, output };
  const done = await exportRoot(tools, request);
  if (!done.ok) return failure([done.failure]);
  tell(invocation, { environment: environment.name, format, path: done.value });
  return success(0);
};

function tell(
  { terminal, globals }: Invocation,
  done: { readonly environment: string; readonly format: string; readonly path: string },
): void {
  if (done.path === "-") return;
  if (globals.json) terminal.out(JSON.stringify({ version: 1, ...done }, null, 2));
  else if (!globals.quiet) terminal.out(done.path);
}

/** Whole seconds since 1970, as reproducible-builds.org has it. */
export function epochOf(text: string | undefined): Result<number | null, Problem> {
  if (text === undefined || text === "") return success(null);
  if (/^\d{1,12}$/.test(text)) return success(Number(text));
  return failure({
    code: "wrong-epoch",
    message: `SOURCE_DATE_EPOCH is \`${text}\``,
    place: null,
    expected: "seconds since 1970",
  });
}

const oneName: Problem = {
  code: "name-needed",
  message: "say which environment to export: one name",
  place: null,
  hint: "`pavlos config -q` lists them",
};

const hostRoot: Problem = {
  code: "host-not-exported",
  message: "the host's root is not exported: it is this machine",
  place: null,
  hint: "use a root of its own: an archive, an image, {bootstrap: ...} or {from: ..., steps: [...]}",
};
