import { join } from "node:path";
import type { Environment } from "../../model/environment.ts";
import { failure, type Result, success } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import {
  changeDevices,
  changeMounts,
  type DeviceRequest,
  type LiveFailure,
  type MountRequest,
} from "../../native/live.ts";
import { problemOf } from "../../native/native.ts";
import type { Container, OciMount } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { type AttachedNode, type Attachment, deviceOf } from "./attachment.ts";
import { allRules, compatOf, driverInProc } from "./contribute.ts";

/** From what a running container has to what it is to have. */
export interface Turn {
  readonly environment: Environment;
  readonly from: Attachment;
  readonly to: Attachment;
}

/** Who uses what would go away: it cannot, while the container runs. */
export async function holdersOf(tools: Tools, turn: Turn, container: Container): Promise<LiveFailure | null> {
  const { removals } = mountTurn(turn, container.id);
  const checks = removals.map((removal) => ({ ...removal, check: true }));
  const device: DeviceRequest = { ...deviceTurn(turn, container.id), check: true };
  const [mounts, devices] = await Promise.all([
    changeMounts(tools.native, checks),
    (device.remove ?? []).length > 0 ? changeDevices(tools.native, [device]) : [],
  ]);
  return [...mounts, ...devices].find((answer) => answer !== null) ?? null;
}

/** Makes it so, or says why not: then a restart does. */
export async function turnLive(
  tools: Tools,
  turn: Turn,
  container: Container,
): Promise<Result<void, Problem>> {
  const { name } = turn.environment;
  const fail = ({ error }: LiveFailure) =>
    failure(problemOf(error, `the devices of the running ${name} cannot be changed`));
  if (turn.to.hooks.length > 0 || turn.from.hooks.length > 0 || !same(turn.from.groups, turn.to.groups))
    return failure({
      code: "not-changeable",
      message: `the devices of the running ${name} cannot be changed: they have hooks or groups`,
      place: null,
    });
  const busy = await holdersOf(tools, turn, container);
  if (busy !== null) return fail(busy);
  const { removals, additions } = mountTurn(turn, container.id);
  // What hid the driver's part of /proc from a container without GPUs.
  const shown =
    turn.from.gpus.length === 0 && turn.to.gpus.length > 0
      ? [{ id: container.id, action: "remove", target: driverInProc } as const]
      : [];
  const answers = [
    ...(await changeMounts(tools.native, [...shown, ...removals, ...additions])),
    ...(await changeDevices(tools.native, [deviceTurn(turn, container.id)])),
  ];
  const failed = answers.find((answer) => answer !== null);
  return failed === undefined || failed === null ? success(undefined) : fail(failed);
}

/** What is below a mount that goes away goes with it, and comes again with its successor. */
export function mountTurn(
  { from, to }: Turn,
  id: string,
): { readonly removals: readonly MountRequest[]; readonly additions: readonly MountRequest[] } {
  const gone = from.mounts.filter((mount) => !to.mounts.some((other) => same(mount, other)));
  const isBelow = (path: string, mount: OciMount) => path.startsWith(`${mount.destination}/`);
  const removed = gone.filter((mount) => !gone.some((other) => isBelow(mount.destination, other)));
  const added = to.mounts.filter(
    (mount) =>
      !from.mounts.some((other) => same(mount, other)) ||
      removed.some((other) => isBelow(mount.destination, other)),
  );
  return {
    removals: removed.map(({ destination }) => ({ id, action: "remove", target: destination })),
    additions: added.map(({ destination, type, source, options }) => ({
      id,
      action: "replace",
      target: destination,
      ...(type === "tmpfs" ? { type } : {}),
      ...(source === undefined ? {} : { source }),
      ...(options === undefined ? {} : { options }),
    })),
  };
}

function deviceTurn({ environment, from, to }: Turn, id: string): DeviceRequest {
  const without = <T>(list: readonly T[], others: readonly T[]) =>
    list.filter((item) => !others.some((other) => same(item, other)));
  const key = ({ path, major, minor }: AttachedNode) => ({ path, major, minor });
  const forgotten = from.loader
    .filter(({ directory }) => !to.loader.some((other) => other.directory === directory))
    .map(({ directory }) => ({ directory, names: [] }));
  return {
    id,
    add: to.nodes.map(deviceOf),
    remove: from.nodes.filter((node) => !to.nodes.some((other) => same(key(node), key(other)))).map(deviceOf),
    link: to.links,
    unlink: without(from.links, to.links),
    loader: [...forgotten, ...to.loader],
    ...(from.compat === null && to.compat === null ? {} : { compat: compatOf(to.compat) }),
    rules: allRules(environment, to),
  };
}

/** For shells that are opened from now on: config.json's process is what they start from. */
export function changeVariables(tools: Tools, bundle: string, { from, to, environment }: Turn): void {
  const file = join(bundle, "config.json");
  const text = tools.files.readText(file);
  if (text === null) return;
  const config = JSON.parse(text) as { process?: { env?: string[] } };
  const variables = new Map(
    (config.process?.env ?? []).map((line) => [
      line.slice(0, line.indexOf("=")),
      line.slice(line.indexOf("=") + 1),
    ]),
  );
  for (const name of Object.keys(from.env)) if (!(name in environment.env)) variables.delete(name);
  for (const [name, value] of Object.entries(to.env))
    if (!(name in environment.env)) variables.set(name, value);
  const kept = (variables.get("PATH") ?? "").split(":").filter((part) => !from.path.includes(part));
  variables.set("PATH", [...kept, ...to.path.filter((part) => !kept.includes(part))].join(":"));
  const env = [...variables].map(([name, value]) => `${name}=${value}`);
  // The unlimited value is larger than a number of JavaScript can say: the text stays as it is.
  tools.files.replace(file, text.replace(JSON.stringify(config.process?.env ?? []), JSON.stringify(env)));
}

const same = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);
