import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { Environment } from "../../model/environment.ts";
import { success } from "../../model/result.ts";
import { environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { OciMount, Provider } from "../provider.ts";
import type { Tools } from "../tools.ts";

/** The network namespace and the files that name hosts: hostname, hosts and resolv.conf in /etc. */
export const makeNetworkProvider = (tools: Tools): Provider => ({
  name: "network",
  fields: ["network"],
  async contribute(environment, context) {
    const { paths } = tools;
    const directory = join(environmentPaths(paths, context.project.id, environment.name).bundle, "etc");
    const texts = filesOf(environment);
    const written = await attempt(`/etc/hosts of ${environment.name} cannot be written`, () => {
      trees.makeDirectory(directory, 0o755);
      for (const [name, text] of Object.entries(texts)) trees.writePublic(join(directory, name), text);
    });
    if (!written.ok) return written;
    const mounts = Object.keys(texts).map(
      (name): OciMount => ({
        destination: `/etc/${name}`,
        type: "none",
        source: join(directory, name),
        options: ["bind", "nosuid", "nodev"],
      }),
    );
    const own = environment.network.kind === "none" ? { namespaces: [{ type: "network" as const }] } : {};
    return success({ mounts, ...own });
  },
});

/** By name below /etc. The host's files tell the truth only where the host's network is used. */
export function filesOf({ hostname, network, isolation }: Environment): Readonly<Record<string, string>> {
  const shared = network.kind === "host";
  const hosts = shared ? (trees.readThrough("/etc/hosts") ?? loopback) : loopback;
  const named = isolation.uts ? `${hosts.trimEnd()}\n127.0.1.1 ${hostname}\n` : hosts;
  return {
    hosts: named,
    ...(isolation.uts ? { hostname: `${hostname}\n` } : {}),
    // A symbolic link (systemd-resolved) is resolved here: its target does not exist inside.
    "resolv.conf": shared ? (trees.readThrough("/etc/resolv.conf") ?? "") : "",
  };
}

const loopback = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
