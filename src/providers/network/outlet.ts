import type { Result } from "../../model/result.ts";
import { failure, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { isAlive, startTimeOf } from "../../native/state.ts";
import type { NetworkRecord, PortState } from "../../state/networks.ts";
import type { HolderState } from "./ground.ts";
import type { Layout } from "./layout.ts";
import type { OutletState } from "./running.ts";
import type { NetworkTools } from "./tools.ts";

/** Where the machine's name servers are reached in a user's network. */
export const relayOf = (program: OutletState["program"]): string =>
  program === "pasta" ? "169.254.53.53" : "10.0.2.3";

/**
 * Bytes, the most that both programs take at once. Nothing of it reaches a wire as it is: they pass on what is in
 * packets, over sockets of their own, and small ones would only cost time.
 */
export const largestPacket = 65_520;

/** What connects a user's network to the machine's; null: neither is installed. */
export function outletProgram({ programs }: NetworkTools): OutletState["program"] | null {
  if (programs.find("pasta") !== null) return "pasta";
  return programs.find("slirp4netns") === null ? null : "slirp4netns";
}

/** Without root, and without a program that could connect a network to the machine's: then that is used itself. */
export const usesHostInstead = (tools: NetworkTools): boolean =>
  tools.host.caller.uid !== 0 && outletProgram(tools) === null;

/** Published ports of those that are to run. */
export const openPorts = (record: NetworkRecord, open: ReadonlySet<string>): readonly PortState[] =>
  Object.entries(record.members).flatMap(([name, { ports }]) => (open.has(name) ? ports : []));

/** Its arguments and ports; when they differ from those of the one that runs, it is replaced. */
export function outletArgs(
  program: OutletState["program"],
  wanted: {
    readonly holder: HolderState;
    readonly ports: readonly PortState[];
    /** The machine's name server listens on a loopback address only: it is passed on. */
    readonly relays: "names" | "nothing";
  },
): readonly string[] {
  const { holder, ports, relays } = wanted;
  if (program === "slirp4netns") {
    const closed = relays === "names" ? [] : ["--disable-host-loopback", "--disable-dns"];
    return [...closed, String(holder.pid), "tap0", ...ports.flatMap((port) => hostForwards(port))];
  }
  return [
    ...["--quiet", "--config-net", "--mtu", String(largestPacket), "-T", "none", "-U", "none"],
    // What listens on the machine's loopback stays there; only a name server may be asked.
    ...(relays === "names" ? ["--dns-forward", relayOf(program)] : ["--no-map-gw"]),
    ...forwards("tcp", ports),
    ...forwards("udp", ports),
    ...["--userns", `/proc/${holder.pid}/ns/user`, "--netns", `/proc/${holder.pid}/ns/net`],
  ];
}

function forwards(protocol: PortState["protocol"], ports: readonly PortState[]): readonly string[] {
  const flag = protocol === "tcp" ? "-t" : "-u";
  const specs = ports
    .filter((port) => port.protocol === protocol)
    .map(({ address, host, count }) => {
      const range = count === 1 ? `${host}` : `${host}-${host + count - 1}`;
      // Without an address those of IPv4: what comes to ::1 could not be passed on inside.
      return `${address ?? "0.0.0.0"}/${range}`;
    });
  return specs.length === 0 ? [flag, "none"] : specs.flatMap((spec) => [flag, spec]);
}

/** Requests to slirp4netns, which forwards single ports of IPv4. */
function hostForwards({ address, host, count, protocol }: PortState): readonly string[] {
  if (address?.includes(":") === true) return [];
  return Array.from({ length: count }, (_, index) =>
    JSON.stringify({
      execute: "add_hostfwd",
      arguments: {
        proto: protocol,
        host_addr: address ?? "0.0.0.0",
        host_port: host + index,
        guest_port: host + index,
      },
    }),
  );
}

export const isAliveOutlet = (tools: NetworkTools, outlet: OutletState | null): boolean =>
  outlet !== null && isAlive(tools.files, outlet);

/** Starts it in the background; it ends when it is told to. */
export async function startOutlet(
  tools: NetworkTools,
  layout: Layout,
  wanted: { readonly program: OutletState["program"]; readonly args: readonly string[] },
): Promise<Result<OutletState, Problem>> {
  const path = tools.programs.find(wanted.program);
  tools.files.makeDirectory(layout.directory, 0o700);
  const started =
    path === null
      ? failure("it is not installed")
      : wanted.program === "pasta"
        ? await startPasta(tools, layout, { path, args: wanted.args })
        : await startSlirp(tools, layout, { path, args: wanted.args });
  const startTime = started.ok ? startTimeOf(tools.files, started.value) : null;
  if (started.ok && startTime !== null) return success({ ...wanted, pid: started.value, startTime });
  return failure({
    code: "outlet-failed",
    message: `${wanted.program} cannot connect the network to the machine's: ${started.ok ? "it ended" : started.failure}`,
    place: null,
    hint: "environments reach each other all the same; `pavlos apply` tries again",
  });
}

interface Call {
  readonly path: string;
  readonly args: readonly string[];
}

/** It goes into the background by itself, once it works. */
async function startPasta(
  tools: NetworkTools,
  layout: Layout,
  { path, args }: Call,
): Promise<Result<number, string>> {
  const pidFile = layout.pastaFile;
  await tools.files.remove(pidFile);
  const ended = await tools.programs.run(path, ["--pid", pidFile, ...args], { detached: true });
  const pid = Number(tools.files.readText(pidFile) ?? Number.NaN);
  return ended.code === 0 && pid > 0 ? success(pid) : failure(lastWords(ended.stderr));
}

async function startSlirp(
  { programs, files }: NetworkTools,
  layout: Layout,
  { path, args }: Call,
): Promise<Result<number, string>> {
  const requests = args.filter((arg) => arg.startsWith("{"));
  const socket = `${layout.directory}/slirp.sock`;
  await files.remove(socket);
  const mtu = `--mtu=${largestPacket}`;
  const options = ["--configure", mtu, "--enable-ipv6", "--ready-fd=3", `--api-socket=${socket}`];
  const given = args.filter((arg) => !arg.startsWith("{"));
  const pid = await programs.background(path, [...options, ...given]);
  if (pid === null) return failure("it ended");
  for (const request of requests) {
    const answer = await programs.ask(socket, request);
    if (answer === null || answer.includes('"error"')) {
      programs.kill(pid);
      return failure(`a port cannot be forwarded: ${answer ?? "it does not answer"}`);
    }
  }
  return success(pid);
}

const lastWords = (text: string): string =>
  text
    .trim()
    .split("\n")
    .filter((line) => line !== "" && !line.includes("syslog"))
    .slice(-2)
    .join("; ") || "it ended";
