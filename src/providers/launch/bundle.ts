import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { allCapabilities, boundingSet } from "../../oci/capabilities.ts";
import { configOf, printConfig } from "../../oci/config.ts";
import { type Identity, identityOf } from "../../oci/identity.ts";
import type { OciConfig } from "../../oci/oci-runtime.gen.ts";
import { containerIdOf, environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Context, CreateRequest, Foreground } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { seccompOf } from "./seccomp.ts";
import { readSecrets, secretProblem } from "./secrets.ts";
import { superviseOf } from "./supervise.ts";

/** Writes config.json and supervise.json; gives the bundle's directory. */
export async function writeBundle(
  tools: Tools,
  request: CreateRequest,
  context: Context,
): Promise<Result<string, Problem>> {
  const { environment } = request;
  const config = await makeConfig(tools, request, context);
  if (!config.ok) return config;
  const { files, paths } = tools;
  const own = environmentPaths(paths, context.project.id, environment.name);
  return attempt(`the bundle of ${environment.name} cannot be written`, () => {
    trees.makeDirectory(join(own.bundle, "rootfs"), 0o755);
    trees.makeDirectory(join(own.directory, "logs"), 0o755);
    files.replace(join(own.bundle, "config.json"), printConfig(config.value));
    files.replace(join(own.bundle, "supervise.json"), JSON.stringify(superviseOf(environment, own)));
    return own.bundle;
  });
}

/** Bundles without a supervisor. Nobody hands the secrets over here, so they are in the bundle. */
export const makeForeground = (tools: Tools): Foreground => ({
  async bundle(request, context) {
    const { environment, containerId, directory, terminal } = request;
    const secrets = readSecrets(tools, environment);
    if (!secrets.ok) return failure(secretProblem(environment.name, secrets.failure, context));
    const spec = {
      ...environment,
      tty: terminal,
      env: { ...environment.env, ...secrets.value },
    };
    const config = await makeConfig(tools, { ...request, environment: spec }, context, containerId);
    if (!config.ok) return config;
    return attempt(`the bundle of ${environment.name} cannot be written`, () => {
      trees.makeDirectory(join(directory, "rootfs"), 0o755);
      tools.files.replace(join(directory, "config.json"), printConfig(config.value));
    });
  },
});

async function makeConfig(
  tools: Tools,
  { environment, contributions }: CreateRequest,
  context: Context,
  containerId = containerIdOf(context.project.id, environment.name),
): Promise<Result<OciConfig, Problem>> {
  const { host } = tools;
  const { name } = environment;
  const identity = identityOf(environment, host);
  if (!identity.ok) {
    const { path, message, hint } = identity.failure;
    return failure({ code: "identity-impossible", message, hint, place: context.place(name, path) });
  }
  const seccomp = await seccompOf(tools, environment, context);
  if (!seccomp.ok) return seccomp;
  const term = tools.env.TERM;
  return success(
    configOf({
      environment,
      identity: identity.value,
      host,
      contributions,
      containerId,
      seccomp: seccomp.value,
      capabilities: available(tools, identity.value),
      term,
    }),
  );
}

/** In a user namespace all of them; else what this process itself was left. */
const available = ({ files }: Tools, { mapping }: Identity): readonly string[] =>
  mapping === "none" ? boundingSet(files.readText("/proc/self/status") ?? "") : allCapabilities;
