import { didYouMean } from "../../config/suggest.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { exportRoot } from "../../providers/rootfs/export/export.ts";
import { listNamed, readStack, removeNamed } from "../../providers/rootfs/named/named.ts";
import type { Tools } from "../../providers/tools.ts";
import { renderTable } from "../../ui/table.ts";
import { formatAge } from "../../ui/values.ts";
import { epochOf } from "../export.ts";
import { type Invocation, textOption, type Verb } from "../invocation.ts";
import { virtual } from "../run/choose.ts";
import { openPlace, openTools } from "../session.ts";

/** `pavlos rootfs list` */
export const list: Verb = async ({ globals, terminal }) => {
  const tools = toolsHere();
  if (!tools.ok) return tools;
  const roots = listNamed(tools.value);
  if (globals.json) terminal.out(JSON.stringify({ version: 1, roots }, null, 2));
  else if (globals.quiet) for (const { name } of roots) terminal.out(name);
  else if (roots.length === 0)
    terminal.err("No named roots yet: `pavlos rootfs create NAME SOURCE` makes one.");
  else {
    const now = Date.now();
    const rows = roots.map(({ name, source, createdAt, layers }) => [
      name,
      source,
      String(layers.length),
      formatAge(now - Date.parse(createdAt)),
    ]);
    terminal.out(renderTable(["NAME", "SOURCE", "LAYERS", "AGE"], rows, terminal.outStyle));
  }
  return success(0);
};

/** `pavlos rootfs rm NAME`: the name alone; gc removes what nobody else uses. */
export const remove: Verb = async (invocation) => {
  const tools = toolsHere();
  if (!tools.ok) return tools;
  const name = named(tools.value, invocation);
  if (!name.ok) return failure([name.failure]);
  const removed = await removeNamed(tools.value, name.value);
  if (!removed.ok) return failure([removed.failure]);
  if (!invocation.globals.quiet)
    invocation.terminal.err(`${name.value} is no name any more; \`pavlos gc\` frees what nothing else uses`);
  return success(0);
};

/** `pavlos rootfs export NAME` */
export const exportNamed: Verb = async (invocation) => {
  const tools = toolsHere();
  if (!tools.ok) return tools;
  const name = named(tools.value, invocation);
  if (!name.ok) return failure([name.failure]);
  const stack = readStack(tools.value, name.value);
  const epoch = epochOf(process.env.SOURCE_DATE_EPOCH);
  if (!epoch.ok) return failure([epoch.failure]);
  // Its name and the defaults of an environment are all that an export takes from one.
  const chosen = await virtual("rootfs", "rootfs: host\n");
  if (!chosen.ok) return chosen;
  if (stack === null) return failure([damaged(name.value)]);
  const done = await exportRoot(tools.value, {
    environment: { ...chosen.value.environment, name: name.value },
    stack,
    epoch: epoch.value,
    signal: invocation.interruption(),
    format: textOption(invocation, "format") ?? "oci",
    output: textOption(invocation, "output"),
  });
  if (!done.ok) return failure([done.failure]);
  if (done.value !== "-" && !invocation.globals.quiet) invocation.terminal.out(done.value);
  return success(0);
};

function toolsHere() {
  const place = openPlace();
  return place.ok ? openTools(place.value) : place;
}

function named(tools: Tools, { args }: Invocation): Result<string, Problem> {
  const names = listNamed(tools).map(({ name }) => name);
  const [name = ""] = args;
  if (names.includes(name)) return success(name);
  return failure({
    code: "unknown-root",
    message: name === "" ? "say which root" : `there is no root called \`${name}\``,
    place: null,
    ...(names.length > 0 ? { expected: names.join(", ") } : {}),
    hint: didYouMean(name, names) ?? "`pavlos rootfs list` shows all of them",
  });
}

const damaged = (name: string): Problem => ({
  code: "named-root-damaged",
  message: `the root \`${name}\` is not whole: a layer of it is gone`,
  place: null,
  hint: `make it anew: pavlos rootfs rm ${name}, then create`,
});
