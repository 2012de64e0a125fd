import { basename } from "node:path";
import { kill } from "node:process";
import { hostDevices } from "../../host/devices.ts";
import type { Environment } from "../../model/environment.ts";
import { failure, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { isAlive, readContainerState } from "../../native/state.ts";
import { identityOf } from "../../oci/identity.ts";
import { containersPath, environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Checked, Container, Context, Provider } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { changeVariables } from "./live-env.ts";
import { observeProcesses } from "./observe.ts";
import { seccompOf } from "./seccomp.ts";
import { readSecrets, secretProblem } from "./secrets.ts";
import { superviseOf } from "./supervise.ts";

/** What the supervisor does: it reads its file again. */
const supervised = ["stop", "restart", "health", "hooks"];

/** The command and everything around it that is fixed when it starts. */
export const makeLaunchProvider = (tools: Tools): Provider => ({
  name: "launch",
  fields: [
    "command",
    "workdir",
    "user",
    "env",
    "secrets",
    "init",
    "tty",
    "stop",
    "restart",
    "health",
    "isolation",
    "security",
    "hooks",
  ],
  async check(environments, context) {
    const found = await Promise.all(environments.map((checked) => problemsOf(tools, checked, context)));
    return { problems: [...otherRuntime(tools), ...found.flat()], notices: [] };
  },
  observe: (instances) => observeProcesses(tools, instances),
  async contribute(environment) {
    const all = environment.security.privileged && tools.host.caller.uid === 0;
    return success(all ? { devices: hostDevices() } : {});
  },
  async change(environment, fields, context, container) {
    const topOf = (path: string): string => path.split(".")[0] ?? path;
    const other = fields.find((path) => ![...supervised, "env"].includes(topOf(path)));
    if (other !== undefined)
      return failure({
        code: "not-changeable",
        message: `${other} of the running ${environment.name} cannot be changed`,
        place: null,
      });
    const paths = fields.filter((path) => topOf(path) === "env");
    if (paths.length > 0) {
      const changed = await changeVariables(tools, environment, { context, paths });
      if (!changed.ok) return changed;
    }
    if (paths.length === fields.length) return success(undefined);
    return changeSupervision(tools, environment, { context, container });
  },
});

/** Another runtime has no supervisor: who would keep the output and the end of a container? */
function otherRuntime({ env }: Tools): readonly Problem[] {
  const runtime = env.PAVLOS_RUNTIME;
  if (!runtime || basename(runtime) === "pavlosc") return [];
  return [
    {
      code: "runtime-unsupported",
      message: `environments cannot be kept running by ${runtime}: only pavlosc supervises containers`,
      place: null,
      hint: "leave out --runtime and unset PAVLOS_RUNTIME",
    },
  ];
}

async function problemsOf(
  tools: Tools,
  { environment, changed }: Checked,
  context: Context,
): Promise<readonly Problem[]> {
  if (!changed) return [];
  const { name } = environment;
  const problems: Problem[] = [];
  const identity = identityOf(environment, tools.host);
  if (!identity.ok) {
    const { path, message, hint } = identity.failure;
    problems.push({ code: "identity-impossible", message, hint, place: context.place(name, path) });
  }
  const secrets = readSecrets(tools, environment);
  if (!secrets.ok) problems.push(secretProblem(name, secrets.failure, context));
  const seccomp = await seccompOf(tools, environment, context);
  if (!seccomp.ok) problems.push(seccomp.failure);
  return problems;
}

/** The supervisor reads its file again on SIGHUP. */
function changeSupervision(
  { files, paths }: Tools,
  environment: Environment,
  { context, container }: { readonly context: Context; readonly container: Container },
) {
  return attempt(`what the supervisor of ${environment.name} does cannot be changed`, () => {
    const own = environmentPaths(paths, context.project.id, environment.name);
    files.replace(`${own.bundle}/supervise.json`, JSON.stringify(superviseOf(environment, own)));
    const state = readContainerState(files, containersPath(paths), container.id);
    if (state?.supervisor != null && isAlive(files, state.supervisor)) kill(state.supervisor.pid, "SIGHUP");
  });
}
