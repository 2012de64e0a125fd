import { join } from "node:path";
import { fileSystemOf } from "../../host/disk.ts";
import { trees } from "../../host/trees.ts";
import type { Environment } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { errorOf, problemOf } from "../../native/native.ts";
import { isAlive, startTimeOf } from "../../native/state.ts";
import { around, hasSubordinates, type IdMap, identityOf } from "../../oci/identity.ts";
import type { Layout } from "./layout.ts";
import type { NetworkTools } from "./tools.ts";

/** Where a project's bridges are: in the machine's own network, or in one that a process of the user's keeps. */
export type Ground =
  | { readonly kind: "machine" }
  | { readonly kind: "user"; readonly holder: { readonly pid: number; readonly startTime: number } };

/** What is running for the project in this session; not there: nothing. */
export interface HolderState {
  readonly pid: number;
  readonly startTime: number;
}

export interface Machine {
  readonly tools: NetworkTools;
  readonly layout: Layout;
  readonly ground: Ground;
}

export const isAliveHolder = (tools: NetworkTools, holder: HolderState | null): boolean =>
  holder !== null && isAlive(tools.files, holder);

/** A process that keeps a user namespace with the caller's mapping, and the project's network in it. */
export async function makeHolder(
  tools: NetworkTools,
  layout: Layout,
  environment: Environment,
): Promise<Result<HolderState, Problem>> {
  const identity = identityOf(environment, tools.host);
  if (!identity.ok) {
    const { message, hint } = identity.failure;
    return failure({ code: "identity-impossible", message, hint, place: null });
  }
  const flags = (option: string, maps: readonly IdMap[]) =>
    maps.flatMap(({ container, host, count }) => [option, `${container}:${host}:${count}`]);
  const { uids, gids } = identity.value;
  tools.files.makeDirectory(layout.directory, 0o700);
  const outcome = await tools.native.run([
    ...["hold", "--pid-file", layout.holderFile],
    ...flags("--uid-map", uids),
    ...flags("--gid-map", gids),
  ]);
  const pid = Number(/"pid":\s*(\d+)/.exec(outcome.stdout)?.[1]);
  if (outcome.code !== 0 || !(pid > 0))
    return failure(problemOf(errorOf(outcome), "the project's network cannot be made"));
  const startTime = startTimeOf(tools.files, pid);
  return startTime === null
    ? failure(problemOf({ step: "hold", subject: "", reason: "the holder ended" }, "the network is gone"))
    : success({ pid, startTime });
}

/** All groups that are mapped inside: the kernel compares them as the machine numbers them. */
export function pingGroups({ host }: NetworkTools): string {
  const { uid, gid, subgids } = host.caller;
  if (uid === 0) return "0 2147483647";
  if (!hasSubordinates(host.caller)) return `${gid} ${gid}`;
  const last = Math.max(...around(subgids, gid).map((map) => map.container + map.count - 1));
  return `${gid} ${last}`;
}

/** Runs `ip` or `nft` where the bridges are. */
export async function runThere(
  { tools, ground }: Machine,
  program: "ip" | "nft",
  call: { readonly args: readonly string[]; readonly input?: string },
): Promise<Result<string, Problem>> {
  const path = tools.programs.find(program);
  if (path === null) return failure(missingProgram(program));
  const { args, input } = call;
  const given = input === undefined ? {} : { input };
  const ended =
    ground.kind === "machine"
      ? await tools.programs.run(path, args, given)
      : await tools.native.run(["enter", String(ground.holder.pid), path, ...args], given);
  if (ended.code === 0) return success(ended.stdout);
  return failure({
    code: "network-failed",
    message: `${program} ${args.join(" ")}: ${ended.stderr.trim().split("\n").slice(0, 3).join("; ") || `ended with code ${ended.code}`}`,
    place: null,
    hint: "`pavlos apply` tries again; `pavlos doctor` looks at the machine",
  });
}

/** One step of `pavlosc netns` (docs/pavlosc.md). */
export interface Step {
  readonly path?: string;
  readonly make?: "missing" | "fresh" | "gone" | { readonly of: number };
  readonly remove?: readonly string[];
  readonly links?: readonly Link[];
  readonly sysctl?: Readonly<Record<string, string>>;
}

/** An interface as it is to be: up, and with all of this. */
export interface Link {
  readonly name: string;
  readonly make?:
    | "bridge"
    | { readonly pair: { readonly name: string; readonly hardware: string; readonly namespace: string } };
  /** Of one that is made. */
  readonly mtu?: number;
  /** That it is put on. */
  readonly bridge?: string;
  readonly addresses?: readonly string[];
  readonly gateways?: readonly string[];
}

export async function runSteps(
  { tools, ground }: Machine,
  steps: readonly Step[],
): Promise<Result<void, Problem>> {
  if (steps.length === 0) return success(undefined);
  const within = ground.kind === "machine" ? [] : ["--within", String(ground.holder.pid)];
  const outcome = await tools.native.run(["netns", ...within], { input: JSON.stringify(steps) });
  return outcome.code === 0
    ? success(undefined)
    : failure(problemOf(errorOf(outcome), "the network cannot be set up"));
}

/** Where this process sees a path of the ground's mounts. */
export const seenAt = (ground: Ground, path: string): string =>
  ground.kind === "machine" ? path : join(`/proc/${ground.holder.pid}/root`, path);

const nsfs = 0x6e736673;

export const isNamespace = (ground: Ground, path: string): boolean =>
  trees.realStats(seenAt(ground, path)) !== null && fileSystemOf(seenAt(ground, path)) === nsfs;

export const missingProgram = (program: "ip" | "nft"): Problem => {
  const pack = program === "ip" ? "iproute2" : "nftables";
  return {
    code: "program-missing",
    message: `networks need the program \`${program}\`, which is not installed`,
    place: null,
    hint: `sudo apt-get install ${pack} (or your distribution's package), or use \`network: host\``,
  };
};
