import type { Environment } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { capabilitiesOf } from "../../oci/capabilities.ts";
import { defaultSeccomp } from "../../oci/seccomp.ts";
import type { Context } from "../provider.ts";
import type { Tools } from "../tools.ts";

type Profile = Readonly<Record<string, unknown>>;

/** linux.seccomp of an environment; null: unconfined. */
export async function seccompOf(
  tools: Tools,
  environment: Environment,
  context: Context,
): Promise<Result<Profile | null, Problem>> {
  const { seccomp, privileged } = environment.security;
  if (seccomp === "unconfined" || privileged) return success(null);
  if (seccomp === "default") {
    const { bounding = [] } = capabilitiesOf(environment.security, true);
    return success(defaultSeccomp(bounding));
  }
  return readProfile(tools, environment, context);
}

function readProfile(
  { files }: Tools,
  { name, security }: Environment,
  context: Context,
): Result<Profile, Problem> {
  const place = context.place(name, "security.seccomp");
  const wrong = (message: string, hint: string) =>
    failure({ code: "seccomp-profile", message, place, hint, expected: "a profile in OCI's JSON" });
  const text = files.readText(security.seccomp);
  if (text === null)
    return wrong(`the seccomp profile ${security.seccomp} is missing`, "create it, or use `default`");
  try {
    const profile: unknown = JSON.parse(text);
    if (typeof profile === "object" && profile !== null && "defaultAction" in profile)
      return success(profile as Profile);
    return wrong(
      `${security.seccomp} has no defaultAction`,
      "see linux.seccomp of the OCI runtime specification",
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return wrong(`${security.seccomp} is not JSON: ${reason}`, "correct the file");
  }
}
