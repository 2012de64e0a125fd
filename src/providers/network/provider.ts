import { join } from "node:path";
import { trees } from "../../host/trees.ts";
import type { Environment } from "../../model/environment.ts";
import { success } from "../../model/result.ts";
import { readNetworks } from "../../state/networks.ts";
import { environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Context, Contribution, OciMount, Provider } from "../provider.ts";
import { checkNetworks } from "./check.ts";
import { type Converged, converge } from "./converge.ts";
import { seenAt } from "./ground.ts";
import { changeHostname } from "./hostname.ts";
import { layoutOf } from "./layout.ts";
import { observeNetworks } from "./observe.ts";
import { usesHostInstead } from "./outlet.ts";
import { readRunning } from "./running.ts";
import type { NetworkTools } from "./tools.ts";

/** The network namespace and the files that name hosts: hostname, hosts and resolv.conf in /etc. */
export function makeNetworkProvider(tools: NetworkTools): Provider {
  return provider(tools, { gathered: new Map(), beginners: new Set() });
}

/** By project: what the calls of one command tell each other. */
interface Memory {
  /** As `gather` left them. */
  readonly gathered: Map<string, Converged>;
  /** Somebody on a network is about to start: a firewall that is in the way is worth a word. */
  readonly beginners: Set<string>;
}

const provider = (tools: NetworkTools, { gathered, beginners }: Memory): Provider => ({
  name: "network",
  fields: ["network", "hostname"],
  async check(environments, context) {
    const isRoot = tools.host.caller.uid === 0;
    if (isRoot && environments.some(({ environment }) => onNetworks(tools, environment)))
      beginners.add(context.project.id);
    return checkNetworks(tools, environments, context);
  },
  observe: (instances, context) => observeNetworks(tools, instances, context),
  async gather(present, context) {
    const { id } = context.project;
    const firewalls = beginners.delete(id) ? "look" : "pass over";
    const done = await converge(tools, context, { present, firewalls });
    if (!done.ok) return done;
    gathered.set(id, done.value);
    return success(undefined);
  },
  async settle(context, until) {
    const converged = gathered.get(context.project.id);
    return (await (until === "start" ? converged?.use : converged?.end)) ?? success(undefined);
  },
  async contribute(environment, context) {
    const directory = join(environmentPaths(tools.paths, context.project.id, environment.name).bundle, "etc");
    // Only `gather` knows the others on its networks.
    const { texts: namesOf, links } = gathered.get(context.project.id) ?? {};
    const named = namesOf?.(environment.name) ?? {};
    const texts = { ...filesOf(tools, environment), ...named };
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
    return success({
      mounts,
      ...(links ? { ready: links } : {}),
      ...ownNetwork(tools, environment, context),
    });
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

function ownNetwork(tools: NetworkTools, environment: Environment, context: Context): Contribution {
  const { name, network } = environment;
  const env = portVariables(tools, environment, context);
  if (network.kind === "none") return { namespaces: [{ type: "network" }], env };
  if (network.kind === "host" || usesHostInstead(tools)) return { env };
  const layout = layoutOf(tools.paths, context.project.id);
  const { holder } = readRunning(tools, layout);
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

/** PAVLOS_PORT_3000: the machine's port for 3000, its own or that of what it depends on. */
function portVariables(
  tools: NetworkTools,
  { name, dependsOn }: Environment,
  context: Context,
): Readonly<Record<string, string>> {
  const { members } = readNetworks(tools.files, tools.paths, context.project.id);
  // Its own come last: they win.
  const ports = [...Object.keys(dependsOn), name].flatMap((one) => members[one]?.ports ?? []);
  return Object.fromEntries(ports.map(({ container, host }) => [`PAVLOS_PORT_${container}`, String(host)]));
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
