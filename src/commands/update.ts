import { failure, success } from "../model/result.ts";
import type { LockChange } from "../state/lock-file/lock-file.ts";
import { renderTable } from "../ui/table.ts";
import { shortDigest } from "../ui/values.ts";
import { exitCodes, type Verb } from "./invocation.ts";
import { openProject, openRegistry, saveLock } from "./session.ts";

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
  const changes = registry.value.lockFile(identity.root).changes();
  const saved = await saveLock(project.value);
  if (!saved.ok) return saved;
  if (globals.json) terminal.out(JSON.stringify({ version: 1, changes: changes.map(documentOf) }, null, 2));
  else if (changes.length === 0) terminal.out("Nothing has moved.");
  else if (!globals.quiet) {
    const rows = changes.map(({ path, from, to }) => [path.slice(1).join(" "), shown(from), "->", shown(to)]);
    terminal.out(renderTable(["NAME", "WAS", "", "IS"], rows, terminal.outStyle));
    terminal.out("`pavlos diff` shows what that changes, `pavlos apply` changes it.");
  }
  return success(exitCodes.fine);
};

const documentOf = ({ path: [section, ...keys], from, to }: LockChange) => ({
  section,
  name: keys.join(" "),
  from,
  to,
});

/** Digests short, as everybody reads them. */
const shown = (node: LockChange["from"]): string => {
  if (node === null) return "-";
  return shortDigest(typeof node === "string" ? node : JSON.stringify(node));
};
