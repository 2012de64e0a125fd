import type { Environment, OwnNetwork, Port } from "../../model/environment.ts";
import { formatPort } from "../../model/port.ts";
import type { Notice, Problem } from "../../model/source.ts";
import { hasSubordinates, identityOf } from "../../oci/identity.ts";
import { readNetworks } from "../../state/networks.ts";
import type { Checked, Context } from "../provider.ts";
import { allocate, membersOf } from "./allocate.ts";
import { missingProgram } from "./ground.ts";
import { type Listener, listenersSoon, ownerOf } from "./host-view.ts";
import { layoutOf } from "./layout.ts";
import { isAliveOutlet, usesHostInstead } from "./outlet.ts";
import { readRunning } from "./running.ts";
import { surroundings } from "./surroundings.ts";
import type { NetworkTools } from "./tools.ts";

interface Asking {
  readonly environment: Environment;
  readonly network: OwnNetwork;
}

interface Answer {
  readonly problems: readonly Problem[];
  readonly notices: readonly Notice[];
}

/** Can this machine do it? Before anything changes. */
export async function checkNetworks(
  tools: NetworkTools,
  checked: readonly Checked[],
  context: Context,
): Promise<Answer> {
  const asking = checked.flatMap(({ environment }): readonly Asking[] =>
    environment.network.kind === "networks" ? [{ environment, network: environment.network }] : [],
  );
  if (asking.length === 0) return { problems: [], notices: [] };
  if (usesHostInstead(tools))
    return { problems: [], notices: asking.map(({ environment }) => noOutlet(environment)) };
  const programs = (["ip", "nft"] as const).filter((program) => tools.programs.find(program) === null);
  if (programs.length > 0)
    return { problems: programs.map((program) => missingProgram(program)), notices: [] };
  const publishes = asking.some(({ network }) => network.ports.length > 0);
  const listeners = publishes ? listenersSoon(tools.files) : [];
  const problems = [...identities(tools, asking, context), ...subnets(tools, asking, context)];
  return {
    problems: [...problems, ...ports(tools, context, { asking, listeners: await listeners })],
    notices: [],
  };
}

const noOutlet = ({ name }: Environment): Notice => ({
  code: "host-network-instead",
  environment: name,
  message: "neither pasta nor slirp4netns is installed: it uses the machine's own network",
  hint: "sudo apt-get install passt",
});

/** Networks without root live in a user namespace that all of the project's environments share. */
function identities({ host }: NetworkTools, asking: readonly Asking[], context: Context): readonly Problem[] {
  const { uid, name: caller } = host.caller;
  if (uid === 0)
    return asking
      .filter(({ environment }) => environment.isolation.user === true)
      .map(({ environment }) => ({
        code: "identity-impossible",
        message: "`isolation.user: true` does not go together with networks for root",
        place: context.place(environment.name, "isolation.user"),
        hint: "leave it out, run pavlos as an ordinary user, or use `network: host` or `none`",
      }));
  if (hasSubordinates(host.caller)) return [];
  const mapping = ({ environment }: Asking): string => {
    const identity = identityOf(environment, host);
    return identity.ok ? JSON.stringify([identity.value.uids, identity.value.gids]) : "";
  };
  const [first] = asking;
  return asking
    .filter((one) => first !== undefined && mapping(one) !== mapping(first))
    .map(({ environment }) => ({
      code: "identity-impossible",
      message: `environments on networks need the same user inside, because ${caller} has no subordinate ids`,
      place: context.place(environment.name, "user"),
      hint: `sudo apt-get install uidmap && sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${caller}`,
    }));
}

function subnets(tools: NetworkTools, asking: readonly Asking[], context: Context): readonly Problem[] {
  const { files, paths } = tools;
  const projectId = context.project.id;
  const record = readNetworks(files, paths, projectId);
  const allocated = allocate(membersOf(asking.map(({ environment }) => environment)), {
    record,
    layout: layoutOf(paths, projectId),
    projectId,
    around: surroundings(tools, projectId, record),
  });
  if (allocated.ok) return [];
  const { code, environment, path, message, hint } = allocated.failure;
  return [{ code, message, hint, place: context.place(environment, path) }];
}

interface Question {
  readonly asking: readonly Asking[];
  readonly listeners: readonly Listener[];
}

function ports(tools: NetworkTools, context: Context, { asking, listeners }: Question): readonly Problem[] {
  const own = ownPorts(tools, context);
  const others = listeners.filter((listener) => !own(listener));
  return asking.flatMap(({ environment, network }) =>
    network.ports.flatMap((port, index): readonly Problem[] => {
      const problem = privileged(tools, port) ?? taken(tools, port, others);
      return problem === null
        ? []
        : [{ ...problem, place: context.place(environment.name, `network.ports[${index}]`) }];
    }),
  );
}

function taken({ files }: NetworkTools, port: Port, listeners: readonly Listener[]): Problem | null {
  const found = listeners.find((listener) => isSame(port, listener));
  if (found === undefined) return null;
  const owner = ownerOf(files, found.inode) ?? "a process of somebody else";
  return {
    code: "port-taken",
    message: `the ${port.protocol} port ${found.port} of "${formatPort(port)}" is taken by ${owner}`,
    place: null,
    hint: "end it, choose another port, or `auto`",
  };
}

/** Ports that the program which forwards this project's own has already: nobody can look into it. */
function ownPorts(tools: NetworkTools, context: Context): (listener: Listener) => boolean {
  const { outlet } = readRunning(tools, layoutOf(tools.paths, context.project.id));
  if (outlet === null || !isAliveOutlet(tools, outlet)) return () => false;
  const { members } = readNetworks(tools.files, tools.paths, context.project.id);
  const published = Object.values(members).flatMap((member) => member.ports);
  return (listener) => published.some((port) => isSame(port, listener));
}

function privileged({ files, host }: NetworkTools, port: Port): Problem | null {
  if (host.caller.uid === 0 || port.host === null) return null;
  const first = Number(files.readText("/proc/sys/net/ipv4/ip_unprivileged_port_start") ?? 1024);
  if (port.host >= first) return null;
  return {
    code: "port-privileged",
    message: `only root may publish the port ${port.host} of "${formatPort(port)}"`,
    place: null,
    hint: `choose one from ${first} on, or sudo sysctl net.ipv4.ip_unprivileged_port_start=${port.host}`,
  };
}

function isSame(port: Port, listener: Listener): boolean {
  if (port.host === null || port.protocol !== listener.protocol) return false;
  if (listener.port < port.host || listener.port >= port.host + port.count) return false;
  const anywhere = listener.address === "0.0.0.0" || listener.address === "::";
  return port.address === null || anywhere || port.address === listener.address;
}
