import { createHmac, randomBytes } from "node:crypto";
import { join } from "node:path";
import { reasonOf } from "../../host/errno.ts";
import type { Environment, SecretSource } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import type { Context } from "../provider.ts";
import type { Tools } from "../tools.ts";

/** The values of an environment's secrets, by name: only ever held in memory. */
export type Secrets = Readonly<Record<string, string>>;

/** Why a secret cannot be read. */
export interface SecretFailure {
  readonly name: string;
  readonly message: string;
  readonly hint: string;
}

export const secretProblem = (
  environment: string,
  { name, message, hint }: SecretFailure,
  context: Context,
): Problem => ({
  code: "secret-missing",
  message,
  hint,
  place: context.place(environment, `secrets.${name}`),
});

export function readSecrets(tools: Tools, environment: Environment): Result<Secrets, SecretFailure> {
  const values: Record<string, string> = {};
  for (const [name, source] of Object.entries(environment.secrets)) {
    const value = readSecret(tools, name, source);
    if (!value.ok) return value;
    values[name] = value.value;
  }
  return success(values);
}

/** Keyed hashes: who steals a record learns nothing, not even that two secrets are equal elsewhere. */
export function hashSecrets(tools: Tools, secrets: Secrets): Readonly<Record<string, string>> {
  const names = Object.keys(secrets);
  if (names.length === 0) return {};
  const key = readKey(tools) ?? makeKey(tools);
  return hashesWith(key, secrets);
}

/** The same for a look only: without a key on disk nothing was ever hashed, so nothing can be compared. */
export function compareSecrets(tools: Tools, environment: Environment): Readonly<Record<string, string>> {
  const key = readKey(tools);
  if (key === null) return {};
  const readable: Record<string, string> = {};
  for (const [name, source] of Object.entries(environment.secrets)) {
    const value = readSecret(tools, name, source);
    if (value.ok) readable[name] = value.value;
  }
  return hashesWith(key, readable);
}

function readSecret(tools: Tools, name: string, source: SecretSource): Result<string, SecretFailure> {
  if (source.kind === "env") {
    const value = tools.env[source.variable];
    if (value !== undefined) return success(value);
    return failure({
      name,
      message: `the secret ${name} is to come from the variable ${source.variable}, which is not set`,
      hint: `export ${source.variable}=... and run the command again`,
    });
  }
  const value = readFile(tools, source.path);
  if (value.ok) return success(value.value.replace(/\r?\n$/, ""));
  return failure({
    name,
    message: `the secret ${name} is to come from ${source.path}: ${value.failure}`,
    hint: "create the file, or correct its path",
  });
}

function readFile(tools: Tools, path: string): Result<string, string> {
  try {
    const text = tools.files.readText(path);
    return text === null ? failure("there is no such file") : success(text);
  } catch (error) {
    return failure(reasonOf(error));
  }
}

const keyPath = (tools: Tools): string => join(tools.paths.data, "secret-key");

const readKey = (tools: Tools): string | null => tools.files.readText(keyPath(tools));

function makeKey(tools: Tools): string {
  const key = randomBytes(32).toString("hex");
  tools.files.makeDirectory(tools.paths.data, 0o700);
  tools.files.replace(keyPath(tools), key);
  return key;
}

const hashesWith = (key: string, secrets: Secrets): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(secrets).map(([name, value]) => [
      name,
      createHmac("sha256", key).update(`${name}=${value}`).digest("hex"),
    ]),
  );
