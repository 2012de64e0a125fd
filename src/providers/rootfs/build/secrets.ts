import { reasonOf } from "../../../host/errno.ts";
import type { StepSecret } from "../../../model/build.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import type { Tools } from "../../tools.ts";
import type { StackRequest } from "../source.ts";

/** The values of a step's secrets, read when it is about to run; only ever held in memory. */
export function readStepSecrets(
  tools: Tools,
  { environment, context }: StackRequest,
  { index, secrets }: { readonly index: number; readonly secrets: Readonly<Record<string, StepSecret>> },
): Result<Readonly<Record<string, string>>, Problem> {
  const values: Record<string, string> = {};
  for (const [name, { source }] of Object.entries(secrets)) {
    const value = source.kind === "env" ? (tools.env[source.variable] ?? null) : readFile(tools, source.path);
    if (value === null)
      return failure({
        code: "secret-missing",
        message: `the secret ${name} of step ${index + 1} is not there: ${source.kind === "env" ? `the variable ${source.variable} is not set` : `${source.path} cannot be read`}`,
        place: context.place(environment.name, `rootfs.steps[${index}].secrets.${name}`),
        hint:
          source.kind === "env"
            ? `export ${source.variable}=... and run the command again`
            : "create the file, or correct its path",
      });
    values[name] = value;
  }
  return success(values);
}

function readFile(tools: Tools, path: string): string | null {
  try {
    return tools.files.readText(path);
  } catch (error) {
    // Not for this caller: as good as missing, and the message names the path.
    if (reasonOf(error) === "") throw error;
    return null;
  }
}
