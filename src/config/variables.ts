import type { SecretSource } from "../model/environment.ts";
import type { Variable } from "./dotenv.ts";
import { parseDotenv } from "./dotenv.ts";
import type { EnvironmentInput } from "./schema.ts";
import { hostPath, report, type Scope, textMapAt } from "./scope.ts";
import { nodeAt } from "./tree.ts";

/** Environment variables, and where those came from that stand in env files. */
export interface ResolvedEnv {
  readonly env: Record<string, string>;
  readonly fromFiles: ReadonlyMap<string, Variable>;
}

/** `env` over the env files, of which later ones win. */
export function resolveEnv(scope: Scope, input: EnvironmentInput): ResolvedEnv {
  const fromFiles = new Map<string, Variable>();
  const isList = nodeAt(scope.tree, ["envFile"])?.kind === "list";
  for (const [index, name] of [input.envFile ?? []].flat().entries()) {
    const path = isList ? ["envFile", index] : ["envFile"];
    for (const [key, variable] of readEnvFile(scope, path, name)) fromFiles.set(key, variable);
  }
  const env: Record<string, string> = {};
  for (const [name, variable] of fromFiles) env[name] = variable.value;
  return { env: { ...env, ...textMapAt(scope, "env") }, fromFiles };
}

function readEnvFile(
  scope: Scope,
  path: readonly PropertyKey[],
  name: string,
): ReadonlyMap<string, Variable> {
  const file = hostPath(scope, path, name);
  scope.follow(file);
  const text = scope.reader.readText(file);
  if (!text.ok) {
    const missing = text.failure.reason === "missing";
    report(scope, path, {
      code: missing ? "env-file-missing" : "env-file-unreadable",
      message: missing
        ? `the env file ${file} does not exist`
        : `the env file ${file} cannot be read: ${text.failure.message}`,
      hint: missing ? "make it, or correct the path: it is relative to this file" : undefined,
    });
    return new Map();
  }
  const { variables, problems } = parseDotenv({ file, text: text.value });
  scope.problems.push(...problems);
  return variables;
}

/** Where each secret comes from; it has to be there, and is not read. */
export function resolveSecrets(
  scope: Scope,
  input: EnvironmentInput["secrets"],
): Record<string, SecretSource> {
  const secrets: Record<string, SecretSource> = {};
  for (const [name, secret] of Object.entries(input ?? {})) {
    if ("env" in secret) {
      secrets[name] = { kind: "env", variable: secret.env };
      if (scope.env[secret.env] === undefined) {
        report(scope, ["secrets", name, "env"], {
          code: "secret-missing",
          message: `the secret ${name} is not there: the variable ${secret.env} is not set`,
          hint: `export ${secret.env}=... before running pavlos`,
        });
      }
      continue;
    }
    const path = hostPath(scope, ["secrets", name, "file"], secret.file);
    secrets[name] = { kind: "file", path };
    const found = scope.reader.stat(path);
    if (found === null || found === "directory") {
      scope.follow(path);
      report(scope, ["secrets", name, "file"], {
        code: "secret-missing",
        message: `the secret ${name} is not there: ${path} ${found === null ? "does not exist" : "is a directory"}`,
        hint: "make the file, or correct the path: it is relative to this file",
      });
    }
  }
  return secrets;
}
