import { ImageFailure } from "../failure.ts";
import { saidBy, textOf } from "./answers.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";
import type { Credentials } from "./credentials.ts";
import { isLoopback } from "./hosts.ts";
import type { Answer, Transport } from "./transport.ts";

/** Whom one repository of one registry is spoken to as. */
export interface Auth {
  /** The Authorization to send; null: none (yet). */
  header(): string | null;
  /**
   * After an answer to a request with `used`: true when another try has something better to say.
   * `text` is the answer's body.
   */
  improve(answer: Answer, text: string, used: string | null): Promise<boolean>;
  /** There were credentials to send. */
  readonly known: () => boolean;
}

export interface AuthOptions {
  readonly transport: Transport;
  readonly host: string;
  readonly repository: string;
  readonly insecure: boolean;
  readonly credentials: () => Promise<Credentials | null>;
}

export function makeAuth(options: AuthOptions): Auth {
  let current: string | null = null;
  let known = false;
  let working: Promise<string | null> | null = null;

  const renew = (challenges: readonly Challenge[]): Promise<string | null> => {
    // Six layers that are refused at once need one token.
    working ??= obtain(options, challenges, (found) => {
      known = found;
    }).finally(() => {
      working = null;
    });
    return working;
  };

  return {
    header: () => current,
    known: () => known,
    async improve(answer, text, used) {
      if (!wantsLogin(answer, text)) return false;
      // Another request has been here meanwhile.
      if (current !== used) return true;
      const next = await renew(parseChallenges(answer.headers["www-authenticate"]));
      if (next !== null) current = next;
      return next !== null && next !== used;
    },
  };
}

/** 401; 403 for a token that may do too little; 400 for one that has expired (ECR Public). */
function wantsLogin({ status, headers }: Answer, text: string): boolean {
  if (status === 401) return true;
  if (status === 403) return String(headers["www-authenticate"] ?? "").includes("insufficient_scope");
  return status === 400 && /token.{0,40}expired|expired.{0,40}token/is.test(text);
}

async function obtain(
  options: AuthOptions,
  challenges: readonly Challenge[],
  tell: (known: boolean) => void,
): Promise<string | null> {
  const credentials = await options.credentials();
  tell(credentials !== null);
  if (credentials?.kind === "bearer") return `Bearer ${credentials.token}`;
  const bearer = challenges.find(({ scheme }) => scheme === "bearer");
  if (bearer !== undefined) return `Bearer ${await token(options, bearer, credentials)}`;
  const basic = challenges.some(({ scheme }) => scheme === "basic");
  return basic && credentials?.kind === "basic" ? basicHeader(credentials) : null;
}

const basicHeader = ({ username, password }: { username: string; password: string }): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

async function token(
  options: AuthOptions,
  { parameters }: Challenge,
  credentials: Exclude<Credentials, { kind: "bearer" }> | null,
): Promise<string> {
  const url = realmOf(options, parameters.realm ?? "", credentials !== null);
  const scope = parameters.scope || `repository:${options.repository}:pull`;
  const { service } = parameters;
  const refresh = credentials?.kind === "identity";
  const form = new URLSearchParams();
  if (service) form.set("service", service);
  for (const one of scope.split(" ")) refresh ? form.set("scope", scope) : form.append("scope", one);
  if (refresh) {
    form.set("grant_type", "refresh_token");
    form.set("client_id", "pavlos");
    form.set("refresh_token", credentials.token);
  } else for (const [name, value] of form) url.searchParams.append(name, value);
  const answer = await options.transport.send({
    method: refresh ? "POST" : "GET",
    url,
    headers: refresh ? { "content-type": "application/x-www-form-urlencoded" } : {},
    authorization: credentials?.kind === "basic" ? basicHeader(credentials) : null,
    ...(refresh ? { body: form.toString() } : {}),
    insecure: options.insecure,
  });
  const text = await textOf(answer);
  if (answer.status !== 200) throw refused(options, { answer, text, known: credentials !== null });
  return tokenIn(text, url.host);
}

/** Where tokens are given out. Passwords go over encrypted lines only. */
function realmOf(options: AuthOptions, realm: string, secret: boolean): URL {
  const wrong = (why: string) =>
    new ImageFailure({
      code: "registry-auth",
      message: `${options.host} sends to "${realm.slice(0, 100)}" for a token, ${why}`,
      hint: "ask whoever runs the registry",
    });
  if (!URL.canParse(realm)) throw wrong("which is no address");
  const url = new URL(realm);
  if (url.protocol === "https:") return url;
  if (url.protocol !== "http:") throw wrong("which is not http");
  if (secret && !options.insecure && !isLoopback(url.hostname)) throw wrong("which is not encrypted");
  return url;
}

function tokenIn(text: string, host: string): string {
  try {
    const found: { token?: unknown; access_token?: unknown } = JSON.parse(text);
    const given = found.token || found.access_token;
    if (typeof given === "string" && given !== "") return given;
  } catch {
    // Said below.
  }
  throw new ImageFailure({
    code: "registry-auth",
    message: `${host} gave no token`,
    hint: "ask whoever runs the registry",
  });
}

/** Nobody may read it with what we have. */
export function refused(
  { host, repository }: { readonly host: string; readonly repository: string },
  { answer, text, known }: { readonly answer: Answer; readonly text: string; readonly known: boolean },
): ImageFailure {
  const said = saidBy(text);
  const words = said === "" ? `answers ${answer.status}` : `says: ${said}`;
  return new ImageFailure({
    code: known ? "registry-denied" : "registry-login-needed",
    message: known
      ? `${host} does not let this login read ${repository}; it ${words}`
      : `${host} lets nobody read ${repository} without a login; it ${words}`,
    hint: known
      ? `log in again: \`docker login ${host}\` or \`podman login ${host}\`; or correct the name`
      : `correct the name, or log in: \`docker login ${host}\` or \`podman login ${host}\` (Pavlos reads their files)`,
  });
}
