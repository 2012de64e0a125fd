import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { Environment } from "../../model/environment.ts";
import { success } from "../../model/result.ts";
import { readNetworks } from "../../state/networks.ts";
import { environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Context, Contribution, OciMount, Provider } from "../provider.ts";
import { checkNetworks } from "./check.ts";
import { converge } from "./converge.ts";
import { seenAt } from "./ground.ts";
import { changeHostname } from "./hostname.ts";
import { layoutOf } from "./layout.ts";
import { observeNetworks } from "./observe.ts";
import { usesHostInstead } from "./outlet.ts";
import { readRunning } from "./running.ts";
import type { NetworkTools } from "./tools.ts";

/** The network namespace and the files that name hosts: hostname, hosts and resolv.conf in /etc. */
export const makeNetworkProvider = (tools: NetworkTools): Provider => ({
  name: "network",
  fields: ["network", "hostname"],
  check: async (environments, context) => checkNetworks(tools, environments, context),
  observe: (instances, context) => observeNetworks(tools, instances, context),
  gather: (present, context) => converge(tools, context, present),
  async contribute(environment, context) {
    const directory = join(environmentPaths(tools.paths, context.project.id, environment.name).bundle, "etc");
    const texts = filesOf(tools, environment);
    const written = await attempt(`/etc/hosts of ${environment.name} cannot be written`, () => {
      trees.makeDirectory(directory, 0o755);
      for (const [name, text] of Object.entries(texts)) trees.writePublic(join(directory, name), text);
    });
    if (!written.ok) return written;
    // Those of environments on networks are written by `gather`, which knows the others.
    const given = onNetworks(tools, environment) ? ["hosts", "resolv.conf"] : [];
    const mounts = [...Object.keys(texts), ...given].map(
      (name): OciMount => ({
        destination: `/etc/${name}`,
        type: "none",
        source: join(directory, name),
        options: ["bind", "nosuid", "nodev"],
      }),
    );
    return success({ mounts, ...ownNetwork(tools, environment, context) });
  },
  async change(environment, fields, context, container) {
    const { name, hostname, isolation } = environment;
    // All else `gather` has done, for all environments at once; without a name of its own there is none to change.
    if (!fields.includes("hostname") || !isolation.uts) return success(undefined);
    const directory = join(environmentPaths(tools.paths, context.project.id, name).bundle, "etc");
    const written = await attempt(`/etc/hostname of ${name} cannot be written`, () => {
      for (const [file, text] of Object.entries(filesOf(tools, environment)))
        trees.writeInPlace(join(directory, file), text);
    });
    if (!written.ok) return written;
    return await changeHostname(tools, { name, hostname, containerId: container.id }, context);
  },
});

function ownNetwork(tools: NetworkTools, { name, network }: Environment, context: Context): Contribution {
  if (network.kind === "none") return { namespaces: [{ type: "network" }] };
  if (network.kind === "host" || usesHostInstead(tools)) return {};
  const layout = layoutOf(tools.paths, context.project.id);
  const { holder } = readRunning(tools, layout);
  const ports = readNetworks(tools.files, tools.paths, context.project.id).members[name]?.ports ?? [];
  const env = Object.fromEntries(
    ports.map(({ container, host }) => [`PAVLOS_PORT_${container}`, String(host)]),
  );
  if (holder === null) return { namespaces: [{ type: "network", path: layout.namespace(name) }], env };
  const ground = { kind: "user", holder } as const;
  return {
    namespaces: [
      { type: "user", path: `/proc/${holder.pid}/ns/user` },
      { type: "network", path: seenAt(ground, layout.namespace(name)) },
    ],
    env,
  };
}

const onNetworks = (tools: NetworkTools, { network }: Environment): boolean =>
  network.kind === "networks" && !usesHostInstead(tools);

/** By name below /etc. The host's files tell the truth only where the host's network is used. */
export function filesOf(tools: NetworkTools, environment: Environment): Readonly<Record<string, string>> {
  const { hostname, network, isolation } = environment;
  const name: Readonly<Record<string, string>> = isolation.uts ? { hostname: `${hostname}\n` } : {};
  if (onNetworks(tools, environment)) return name;
  const hosts = network.kind === "none" ? loopback : (trees.readThrough("/etc/hosts") ?? loopback);
  return {
    hosts: isolation.uts ? `${hosts.trimEnd()}\n127.0.1.1 ${hostname}\n` : hosts,
    ...name,
    // A symbolic link (systemd-resolved) is resolved here: its target does not exist inside.
    "resolv.conf": network.kind === "none" ? "" : (trees.readThrough("/etc/resolv.conf") ?? ""),
  };
}

const loopback = "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n";
