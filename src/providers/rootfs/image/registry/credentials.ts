import { join } from "node:path";
import { askHelper, type HelperAnswer } from "../../../../host/credential-helper.ts";
import { ImageFailure } from "../failure.ts";
import { asObject, type Json } from "../manifest.ts";

/** Who logs in. */
export type Credentials =
  | { readonly kind: "basic"; readonly username: string; readonly password: string }
  /** A refresh token: it is exchanged for others. */
  | { readonly kind: "identity"; readonly token: string }
  /** Sent as it is. */
  | { readonly kind: "bearer"; readonly token: string };

export interface CredentialOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly uid: number;
  /** Null: missing or not for this caller. */
  readonly readText: (path: string) => string | null;
  readonly helper?: (name: string, server: string) => Promise<HelperAnswer>;
}

/**
 * The login for `registry/repository`: from the first file that has one, and there from the most
 * specific path. Null: none.
 */
export async function findCredentials(
  options: CredentialOptions,
  registry: string,
  repository: string,
): Promise<Credentials | null> {
  for (const path of authFiles(options)) {
    const text = options.readText(path);
    if (text === null || text.trim() === "") continue;
    const found = await findIn(options, { path, text, keys: keysOf(registry, repository), registry });
    if (found !== null) return found;
  }
  return null;
}

/** In the order in which they count. */
export function authFiles({ env, home, uid }: CredentialOptions): readonly string[] {
  const runtime = env.XDG_RUNTIME_DIR || (uid === 0 ? "/run" : `/run/user/${uid}`);
  return [
    ...(env.REGISTRY_AUTH_FILE ? [env.REGISTRY_AUTH_FILE] : []),
    join(runtime, "containers/auth.json"),
    ...(uid === 0 ? ["/run/containers/0/auth.json"] : []),
    join(env.XDG_CONFIG_HOME || join(home, ".config"), "containers/auth.json"),
    join(env.DOCKER_CONFIG || join(home, ".docker"), "config.json"),
    join(home, ".dockercfg"),
  ];
}

/** Docker's own name for the Hub in these files. */
const hubKey = "https://index.docker.io/v1/";

/** "host/a/b", "host/a", "host"; the Hub has other names too. */
function keysOf(registry: string, repository: string): readonly string[] {
  const parts = repository.split("/");
  const paths = parts.map((_, index) => [registry, ...parts.slice(0, parts.length - index)].join("/"));
  const hub = registry === "docker.io" ? ["index.docker.io", "registry-1.docker.io"] : [];
  return [...paths, registry, ...hub];
}

interface Lookup {
  readonly path: string;
  readonly text: string;
  readonly keys: readonly string[];
  readonly registry: string;
}

async function findIn(options: CredentialOptions, lookup: Lookup): Promise<Credentials | null> {
  const file = documentOf(lookup);
  const auths = asObject(lookup.path.endsWith(".dockercfg") && !("auths" in file) ? file : file.auths) ?? {};
  const helpers = asObject(file.credHelpers) ?? {};
  const own = lookup.keys.map((key) => helpers[key]).find((name) => typeof name === "string");
  if (typeof own === "string") return ask(options, lookup, own);
  const byKey = new Map(Object.entries(auths).map(([key, value]) => [plainKey(key), asObject(value)]));
  for (const key of lookup.keys) {
    const entry = byKey.get(key);
    const found = entry == null ? null : credentialsIn(entry, lookup.path);
    if (found !== null) return found;
  }
  return typeof file.credsStore === "string" ? ask(options, lookup, file.credsStore) : null;
}

function documentOf({ path, text }: Lookup): Json {
  try {
    const value = asObject(JSON.parse(text));
    if (value !== null) return value;
  } catch {
    // Said below: its text is a secret, so not what is wrong in it.
  }
  throw new ImageFailure({
    code: "registry-login-unreadable",
    message: `the logins in ${path} cannot be read: it is not JSON`,
    hint: "repair or remove the file, then log in again",
  });
}

/** Without scheme and the API's version, which some tools write. */
const plainKey = (key: string): string => key.replace(/^https?:\/\//, "").replace(/\/(v[12]\/?)?$/, "");

function credentialsIn(entry: Json, path: string): Credentials | null {
  const text = (name: string): string | null =>
    typeof entry[name] === "string" && entry[name] !== "" ? entry[name] : null;
  const [identity, bearer, auth] = [text("identitytoken"), text("registrytoken"), text("auth")];
  if (identity !== null) return { kind: "identity", token: identity };
  if (bearer !== null) return { kind: "bearer", token: bearer };
  const [username, password] = [text("username"), text("password")];
  if (username !== null && password !== null) return { kind: "basic", username, password };
  if (auth === null) return null;
  const decoded = Buffer.from(auth, "base64").toString("utf8").replaceAll("\0", "");
  const colon = decoded.indexOf(":");
  if (colon < 0)
    throw new ImageFailure({
      code: "registry-login-unreadable",
      message: `a login in ${path} is not USER:PASSWORD in base64`,
      hint: "log in again",
    });
  return { kind: "basic", username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

async function ask(options: CredentialOptions, lookup: Lookup, name: string): Promise<Credentials | null> {
  const server = lookup.registry === "docker.io" ? hubKey : lookup.registry;
  const answer = await (options.helper ?? askHelper)(name, server);
  if (answer.kind === "none") return null;
  if (answer.kind === "failed")
    throw new ImageFailure({
      code: "registry-login-unreadable",
      message: `docker-credential-${name}, which ${lookup.path} names, gave no login for ${lookup.registry}: ${answer.reason}`,
      hint: "install or repair it, or log in again",
    });
  const { username, secret } = answer;
  return username === "<token>"
    ? { kind: "identity", token: secret }
    : { kind: "basic", username, password: secret };
}
