import type { Environment } from "../../model/environment.ts";
import { failure, success } from "../../model/result.ts";
import { errorOf, problemOf } from "../../native/native.ts";
import type { OciConfig, OciResources } from "../../oci/oci-runtime.gen.ts";
import { changeConfig } from "../config-file.ts";
import type { Provider } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { limitsForUpdate, limitsOf } from "./limits.ts";
import { observeLimits } from "./observe.ts";
import { changeOomScore } from "./oom.ts";
import { unenforced } from "./unenforced.ts";

/** cgroup limits. */
export const makeResourcesProvider = (tools: Tools): Provider => ({
  name: "resources",
  fields: ["resources"],
  async check(environments) {
    const notices = environments.flatMap(({ environment }) => unenforced(environment, tools.host));
    return { problems: [], notices };
  },
  observe: async (instances) => observeLimits(tools, instances),
  contribute: async (environment) => success({ resources: limits(tools, environment) }),
  async change(environment, fields, context, container) {
    const fixed = fields.find((path) => isFixed(environment, path));
    if (fixed !== undefined)
      return failure({
        code: "not-changeable",
        message: `${fixed} of the running ${environment.name} cannot be changed`,
        place: null,
      });
    if (fields.includes("resources.oomScore")) {
      const done = await changeOomScore(tools, environment.resources.oomScore ?? 0, container);
      if (!done.ok) return done;
    }
    const input = JSON.stringify(limitsForUpdate(environment.resources, tools.host));
    const outcome = await tools.native.run(["update", "--resources", "-", container.id], { input });
    if (outcome.code === 0)
      return await changeConfig(tools, { name: environment.name, context }, (config) => ({
        ...config,
        linux: { ...config.linux, resources: nextLimits(config, limits(tools, environment)) },
      }));
    return failure(problemOf(errorOf(outcome), `the limits of ${environment.name} cannot be changed`));
  },
});

/** The next run's, with what others keep there: rules of devices. */
const nextLimits = ({ linux }: OciConfig, wanted: OciResources): OciResources => ({
  ...(linux?.resources?.devices === undefined ? {} : { devices: linux.resources.devices }),
  ...wanted,
});

const limits = ({ host }: Tools, environment: Environment) => ({ ...limitsOf(environment.resources, host) });

/** What is set when a process starts; and which of the old block devices to free, only a new start knows. */
function isFixed({ resources }: Environment, path: string): boolean {
  if (/^resources\.(shm|ulimits)/.test(path)) return true;
  return (
    path === "resources.io" ||
    path === "resources.io.devices" ||
    (path.startsWith("resources.io.") && resources.io === null)
  );
}
