import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { Environment } from "../../model/environment.ts";
import type { Caller } from "../../model/host.ts";
import type { StatePaths } from "../../state/paths.ts";

/** Password hashes: root's environments get copies without them. */
export const passwordFiles = ["/etc/shadow", "/etc/gshadow", "/etc/shadow-", "/etc/gshadow-"];

/** Private keys and the stores of other container engines. */
const hostSecrets = [
  "/etc/ssl/private",
  "/etc/letsencrypt",
  "/etc/wireguard",
  "/etc/NetworkManager/system-connections",
  "/etc/krb5.keytab",
  "/var/lib/docker",
  "/var/lib/containers",
  "/var/lib/containerd",
  "/var/lib/kubelet",
  "/var/lib/pavlos",
  "/var/lib/private",
];

/** Below the caller's home: keys, tokens and agents. */
const homeSecrets = [
  ".ssh",
  ".gnupg",
  ".aws",
  ".azure",
  ".kube",
  ".docker",
  ".config/gcloud",
  ".config/gh",
  ".config/containers/auth.json",
  ".netrc",
  ".git-credentials",
  ".npmrc",
  ".pypirc",
  ".password-store",
  ".local/share/keyrings",
  ".local/share/pavlos",
  ".local/share/containers",
];

/** What an environment on the host's root must not see, unless a mount of the file shows it. */
export function hiddenPaths(environment: Environment, caller: Caller, paths: StatePaths): readonly string[] {
  const keys = trees.list("/etc/ssh").filter((name) => /^ssh_host_.*_key$/.test(name));
  const candidates = [
    ...hostSecrets,
    ...keys.map((name) => join("/etc/ssh", name)),
    ...homeSecrets.map((name) => join(caller.home, name)),
    paths.data,
    paths.run,
  ];
  // A link may lead out of the hidden place: what it leads to is hidden too.
  const real = candidates.flatMap((path) => {
    const there = trees.realPath(path);
    return there === null ? [] : there === path ? [path] : [path, there];
  });
  return [...new Set(real)].filter((path) => path !== "/" && !isShown(environment, path)).sort();
}

/** Whoever mounts something there, above or below it in the file wants to see it. */
const isShown = ({ mounts }: Environment, path: string): boolean =>
  mounts.some(({ target }) => isBelow(target, path) || isBelow(path, target));

/** The path itself counts. */
export const isBelow = (path: string, directory: string): boolean =>
  directory === "/" || path === directory || path.startsWith(`${directory}/`);

/** shadow or gshadow with a star for each password: nobody can log in, nothing can be cracked. */
export const withoutHashes = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.replace(/^([^:]+):[^:]*/, "$1:*"))
    .join("\n");
