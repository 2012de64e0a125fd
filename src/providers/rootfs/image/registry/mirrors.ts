import { join } from "node:path";
import { ImageFailure } from "../failure.ts";
import { asObject, type Json } from "../manifest.ts";

/** One place where a repository may be read. */
export interface Endpoint {
  /** "registry-1.docker.io", "127.0.0.1:5000". */
  readonly host: string;
  readonly repository: string;
  /** Plain http, or a certificate that nobody vouches for. */
  readonly insecure: boolean;
  /** What a mirror may be asked for. */
  readonly serves: "all" | "digests" | "tags";
}

export interface MirrorOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly readText: (path: string) => string | null;
  readonly list: (path: string) => readonly string[];
}

/** Mirrors in the order of registries.conf, then the registry itself. */
export async function endpointsOf(
  options: MirrorOptions,
  registry: string,
  repository: string,
): Promise<readonly Endpoint[]> {
  const full = `${registry}/${repository}`;
  const rule = longest(await rulesOf(options), full);
  if (rule?.blocked) throw blocked(registry);
  const rest = rule === null ? "" : full.slice(rule.matched.length);
  const own = rule?.location == null ? full : `${rule.location}${rest}`;
  const digests = rule?.mirrorByDigestOnly ?? false;
  const mirrors = (rule?.mirrors ?? []).map((mirror) => ({
    ...placeOf(`${mirror.location}${rest}`),
    insecure: mirror.insecure,
    serves: mirror.serves ?? (digests ? ("digests" as const) : ("all" as const)),
  }));
  return [...mirrors, { ...placeOf(own), insecure: rule?.insecure ?? false, serves: "all" }];
}

function placeOf(location: string): { readonly host: string; readonly repository: string } {
  const slash = location.indexOf("/");
  const host = slash < 0 ? location : location.slice(0, slash);
  return {
    host: host === "docker.io" ? "registry-1.docker.io" : host,
    repository: location.slice(slash + 1),
  };
}

interface Rule {
  readonly prefix: string;
  readonly location: string | null;
  readonly insecure: boolean;
  readonly blocked: boolean;
  readonly mirrorByDigestOnly: boolean;
  readonly mirrors: readonly {
    readonly location: string;
    readonly insecure: boolean;
    readonly serves: Endpoint["serves"] | null;
  }[];
}

interface Matched extends Rule {
  /** The part of the name that the prefix stands for. */
  readonly matched: string;
}

function longest(rules: readonly Rule[], full: string): Matched | null {
  let best: Matched | null = null;
  for (const rule of rules) {
    const matched = match(rule.prefix, full);
    if (matched !== null && (best === null || rule.prefix.length >= best.prefix.length))
      best = { ...rule, matched };
  }
  return best;
}

/** "host", "host/path", "*.example.com". */
function match(prefix: string, full: string): string | null {
  if (prefix.startsWith("*.")) {
    const host = full.slice(0, full.indexOf("/"));
    return host.replace(/:\d+$/, "").endsWith(prefix.slice(1)) ? host : null;
  }
  return full === prefix || full.startsWith(`${prefix}/`) ? prefix : null;
}

/** Of the machine and the user; a later file's rule for the same prefix replaces an earlier one. */
async function rulesOf(options: MirrorOptions): Promise<readonly Rule[]> {
  const rules = new Map<string, Rule>();
  for (const path of files(options)) {
    const text = options.readText(path);
    if (text === null || !/\[\[\s*registry/.test(text)) continue;
    for (const rule of await parse(path, text)) rules.set(rule.prefix, rule);
  }
  return [...rules.values()];
}

function files({ env, home, readText, list }: MirrorOptions): readonly string[] {
  const named = env.CONTAINERS_REGISTRIES_CONF;
  const own = join(env.XDG_CONFIG_HOME || join(home, ".config"), "containers");
  const main = [named, join(own, "registries.conf"), "/etc/containers/registries.conf"].find(
    (path) => path && readText(path) !== null,
  );
  const parts = ["/etc/containers", own].flatMap((directory) =>
    list(join(directory, "registries.conf.d"))
      .filter((name) => name.endsWith(".conf"))
      .map((name) => join(directory, "registries.conf.d", name)),
  );
  return [...(main ? [main] : []), ...(named ? [] : parts)];
}

async function parse(path: string, text: string): Promise<readonly Rule[]> {
  const { parse: parseToml } = await import("smol-toml");
  try {
    const { registry } = parseToml(text);
    return (Array.isArray(registry) ? registry : []).flatMap((entry) => ruleOf(asObject(entry) ?? {}) ?? []);
  } catch (error) {
    throw new ImageFailure({
      code: "registries-conf",
      message: `${path} cannot be read: ${error instanceof Error ? (error.message.split("\n")[0] ?? "") : error}`,
      hint: "repair it, or name another with CONTAINERS_REGISTRIES_CONF",
      cause: error,
    });
  }
}

function ruleOf(entry: Json): Rule | null {
  const location = textIn(entry, "location");
  const prefix = textIn(entry, "prefix") ?? location;
  if (prefix === null) return null;
  const mirrors = (Array.isArray(entry.mirror) ? entry.mirror : []).flatMap((value) => {
    const mirror = asObject(value) ?? {};
    const place = textIn(mirror, "location");
    const serves = pulls[textIn(mirror, "pull-from-mirror") ?? ""] ?? null;
    return place === null ? [] : [{ location: place, insecure: mirror.insecure === true, serves }];
  });
  return {
    prefix,
    location,
    insecure: entry.insecure === true,
    blocked: entry.blocked === true,
    mirrorByDigestOnly: entry["mirror-by-digest-only"] === true,
    mirrors,
  };
}

const pulls: Readonly<Record<string, Endpoint["serves"]>> = {
  all: "all",
  "digest-only": "digests",
  "tag-only": "tags",
};

const textIn = (entry: Json, key: string): string | null =>
  typeof entry[key] === "string" && entry[key] !== "" ? entry[key].replace(/\/+$/, "") : null;

const blocked = (registry: string): ImageFailure =>
  new ImageFailure({
    code: "registry-blocked",
    message: `${registry} is blocked by this machine's registries.conf`,
    hint: "use another registry, or take `blocked` out of that file",
  });
