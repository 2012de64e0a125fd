import type { Environment } from "../../model/environment.ts";
import { failure, type Result } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { identityOf } from "../../oci/identity.ts";
import type { OciConfig } from "../../oci/oci-runtime.gen.ts";
import { variablesOf } from "../../oci/variables.ts";
import { changeConfig } from "../config-file.ts";
import type { Context } from "../provider.ts";
import type { Tools } from "../tools.ts";

/**
 * New values for the next shell: `exec` starts from the bundle's process. What runs keeps the values
 * that it started with. `paths` are such as "env.PORT"; "env" alone means all.
 */
export async function changeVariables(
  tools: Tools,
  environment: Environment,
  { context, paths }: { readonly context: Context; readonly paths: readonly string[] },
): Promise<Result<void, Problem>> {
  const identity = identityOf(environment, tools.host);
  if (!identity.ok || paths.includes("env")) return failure(unchangeable(environment));
  const { caller } = tools.host;
  const sources = { environment, caller, user: identity.value.user, contributions: [], term: tools.env.TERM };
  const wanted = parse(variablesOf(sources));
  return changeConfig(tools, { name: environment.name, context }, (config) => {
    const variables = parse(config.process?.env ?? []);
    for (const path of paths) {
      const name = path.slice("env.".length);
      const value = wanted.get(name);
      if (value === undefined) variables.delete(name);
      else variables.set(name, value);
    }
    const env = [...variables].map(([name, value]) => `${name}=${value}`);
    return { ...config, process: { ...config.process, env } } as OciConfig;
  });
}

function parse(lines: readonly string[]): Map<string, string> {
  return new Map(
    lines.map((line) => {
      const end = line.indexOf("=");
      return [line.slice(0, end), line.slice(end + 1)];
    }),
  );
}

const unchangeable = ({ name }: Environment): Problem => ({
  code: "not-changeable",
  message: `the variables of the running ${name} cannot be changed`,
  place: null,
});
