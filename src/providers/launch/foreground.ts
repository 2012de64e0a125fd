import { join } from "node:path";
import { failure } from "../../model/result.ts";
import { configOf, printConfig } from "../../oci/config.ts";
import { identityOf } from "../../oci/identity.ts";
import { attempt } from "../attempt.ts";
import type { Foreground } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { seccompOf } from "./seccomp.ts";
import { readSecrets } from "./secrets.ts";

/** Bundles that nobody supervises. Secrets are in their environment: the directory must not last. */
export const makeForeground = (tools: Tools): Foreground => ({
  async bundle({ environment: asked, contributions, containerId, directory, terminal }, context) {
    const identity = identityOf(asked, tools.host);
    if (!identity.ok) {
      const { path, message, hint } = identity.failure;
      return failure({ code: "identity-impossible", message, hint, place: context.place(asked.name, path) });
    }
    const secrets = readSecrets(tools, asked);
    if (!secrets.ok) {
      const { name, message, hint } = secrets.failure;
      const place = context.place(asked.name, `secrets.${name}`);
      return failure({ code: "secret-missing", message, hint, place });
    }
    const seccomp = await seccompOf(tools, asked, context);
    if (!seccomp.ok) return seccomp;
    const environment = { ...asked, tty: terminal, env: { ...asked.env, ...secrets.value } };
    const config = configOf({
      environment,
      identity: identity.value,
      host: tools.host,
      contributions,
      containerId,
      seccomp: seccomp.value,
      term: tools.env.TERM,
    });
    return attempt(`the bundle of ${asked.name} cannot be written`, () => {
      tools.files.makeDirectory(join(directory, "rootfs"), 0o755);
      tools.files.replace(join(directory, "config.json"), printConfig(config));
    });
  },
});
