import type { Caller } from "../model/host.ts";
import { failure, success } from "../model/result.ts";
import { runInForeground } from "../native/foreground.ts";
import { isTerminal } from "../ui/terminal.ts";
import { type Invocation, listOption, textOption, type Verb } from "./invocation.ts";
import { enterTarget, findTarget } from "./target.ts";

/** `pavlos exec [NAME] -- COMMAND`: one more process inside; its exit code. */
export const exec: Verb = async (invocation) => {
  const { args, inner } = invocation;
  // Without `--` the first word is the environment and the rest the command, as people type it.
  const [name = null, ...rest] = args;
  const command = inner ?? rest;
  if (inner !== null && rest.length > 0) return failure([tooMany(rest)]);
  if (command.length === 0) return failure([nothingToRun]);
  const target = await findTarget(invocation, name);
  if (!target.ok) return target;
  const native = enterTarget(target.value);
  if (!native.ok) return native;
  const tty = wantsTerminal(invocation);
  const flags = execFlags(invocation, target.value.project.host.caller, tty);
  return success(
    await runInForeground([...native.value, "exec", ...flags, target.value.record.containerId, ...command]),
  );
};

/** Options of exec, shell and run as pavlosc takes them. */
export function execFlags(invocation: Invocation, caller: Caller, tty: boolean): readonly string[] {
  const user = textOption(invocation, "user");
  const workdir = textOption(invocation, "workdir");
  const env = [...terminalVariables(tty), ...listOption(invocation, "env")];
  return [
    ...(tty ? ["--tty"] : []),
    ...(user === null ? [] : ["--user", user === "me" ? `${caller.uid}:${caller.gid}` : user]),
    ...(workdir === null ? [] : ["--cwd", workdir]),
    ...env.flatMap((pair) => ["--env", pair]),
  ];
}

/** --tty and --no-tty, else: is there one on both sides? */
export function wantsTerminal({ options }: Invocation): boolean {
  if (typeof options.tty === "boolean") return options.tty;
  return isTerminal(0) && isTerminal(1);
}

const terminalVariables = (tty: boolean): readonly string[] =>
  tty
    ? ["TERM", "COLORTERM"].flatMap((name) => (process.env[name] ? [`${name}=${process.env[name]}`] : []))
    : [];

const nothingToRun = {
  code: "command-missing",
  message: "exec needs a command",
  place: null,
  hint: "for example `pavlos exec NAME -- ls -l`; for a shell there is `pavlos shell`",
};

const tooMany = (rest: readonly string[]) => ({
  code: "too-many-arguments",
  message: `exec takes one environment before --, not also ${rest.join(" ")}`,
  place: null,
  hint: "pavlos exec NAME -- COMMAND...",
});
