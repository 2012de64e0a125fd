import { success } from "../model/result.ts";
import { runInForeground } from "../native/foreground.ts";
import { execFlags, wantsTerminal } from "./exec.ts";
import type { Verb } from "./invocation.ts";
import { enterTarget, findTarget } from "./target.ts";

/** `pavlos shell [NAME]`: a login shell inside, the caller's own where the root has it. */
export const shell: Verb = async (invocation) => {
  const [name = null] = invocation.args;
  const target = await findTarget(invocation, name);
  if (!target.ok) return target;
  const native = enterTarget(target.value);
  if (!native.ok) return native;
  const { caller } = target.value.project.host;
  const flags = execFlags(invocation, caller, wantsTerminal(invocation));
  const wanted = process.env.SHELL || caller.shell;
  const command = ["/bin/sh", "-c", findShell, "pavlos", wanted];
  return success(
    await runInForeground([...native.value, "exec", ...flags, target.value.record.containerId, ...command]),
  );
};

/** Only inside is it known which shells there are. */
const findShell = [
  'for shell in "$1" /bin/bash /usr/bin/bash; do',
  '  if [ -x "$shell" ]; then export SHELL="$shell"; exec "$shell" -l; fi',
  "done",
  "export SHELL=/bin/sh; exec /bin/sh -l",
].join("\n");
