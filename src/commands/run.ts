import { failure, type Result, success } from "../model/result.ts";
import type { Problem } from "../model/source.ts";
import type { Invocation, Verb } from "./invocation.ts";
import { type Chosen, chooseEnvironment, hostEnvironment, legacyEnvironment } from "./run/choose.ts";
import { runEnvironment } from "./run/foreground.ts";

/**
 * `pavlos run [NAME] [-- COMMAND]`: one command in a fresh container in the foreground; nothing of it
 * stays. Without a project: on the host's root. `pavlos run FILE.json`: the first Pavlos's format.
 */
export const run: Verb = async (invocation) => {
  const chosen = await choose(invocation);
  if (!chosen.ok) return chosen;
  const { environment } = chosen.value;
  if (environment.command.length === 0) return failure([nothingToRun(environment.name)]);
  return await runEnvironment(invocation, chosen.value);
};

async function choose(invocation: Invocation): Promise<Result<Chosen, readonly Problem[]>> {
  const [name = null, ...rest] = invocation.args;
  if (name?.endsWith(".json")) return await legacyEnvironment(invocation, name);
  const chosen = await chooseEnvironment(invocation, name);
  const command = invocation.inner ?? rest;
  const noProject =
    !chosen.ok && name === null && chosen.failure.every(({ code }) => code === "no-configuration");
  const found = noProject ? await hostEnvironment() : chosen;
  if (!found.ok || command.length === 0) return found;
  return success({ ...found.value, environment: { ...found.value.environment, command } });
}

const nothingToRun = (name: string): Problem => ({
  code: "command-missing",
  message: `${name} has no command of its own: say what is to run`,
  place: null,
  hint: `for example \`pavlos run ${name} -- ls -l\``,
});
