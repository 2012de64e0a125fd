import { join } from "node:path";
import type { Environment } from "../../model/environment.ts";
import { failure, type Result } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { configOf, printConfig } from "../../oci/config.ts";
import { identityOf } from "../../oci/identity.ts";
import type { Supervise } from "../../oci/supervise.gen.ts";
import { containerIdOf, environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Context, CreateRequest } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { seccompOf } from "./seccomp.ts";

/** 10 MiB in each of 5 files. */
const logLimits = { maxSize: 10 << 20, maxFiles: 5 };

/** Writes config.json and supervise.json; gives the bundle's directory. */
export async function writeBundle(
  tools: Tools,
  { environment, contributions }: CreateRequest,
  context: Context,
): Promise<Result<string, Problem>> {
  const { host, files, paths } = tools;
  const { name } = environment;
  const identity = identityOf(environment, host);
  if (!identity.ok) {
    const { path, message, hint } = identity.failure;
    return failure({ code: "identity-impossible", message, hint, place: context.place(name, path) });
  }
  const seccomp = await seccompOf(tools, environment, context);
  if (!seccomp.ok) return seccomp;
  const config = configOf({
    environment,
    identity: identity.value,
    host,
    contributions,
    containerId: containerIdOf(context.project.id, name),
    seccomp: seccomp.value,
    term: tools.env.TERM,
  });
  const own = environmentPaths(paths, context.project.id, name);
  return attempt(`the bundle of ${name} cannot be written`, () => {
    files.makeDirectory(join(own.bundle, "rootfs"), 0o755);
    files.makeDirectory(join(own.directory, "logs"), 0o755);
    files.replace(join(own.bundle, "config.json"), printConfig(config));
    files.replace(join(own.bundle, "supervise.json"), JSON.stringify(superviseOf(environment, own)));
    return own.bundle;
  });
}

/** How the supervisor treats this environment. */
export const superviseOf = (
  environment: Environment,
  own: { readonly log: string; readonly status: string },
): Supervise => ({
  version: 1,
  logs: { path: own.log, ...logLimits },
  stop: { ...environment.stop },
  status: own.status,
});
