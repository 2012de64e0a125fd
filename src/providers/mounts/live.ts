import type { Environment, Mount } from "../../model/environment.ts";
import { failure, type Result } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { changeMounts, type MountRequest } from "../../native/live.ts";
import { problemOf } from "../../native/native.ts";
import type { OciConfig } from "../../oci/oci-runtime.gen.ts";
import { changeConfig } from "../config-file.ts";
import type { Container, Context, OciMount } from "../provider.ts";
import type { Tools } from "../tools.ts";

/** How a mount of the file looks to the runtime. */
export type Render = (mount: Mount) => OciMount;

export interface LiveMounts {
  readonly environment: Environment;
  /** "mounts", or "mounts[2]" of what was applied where only the kernel differs. */
  readonly fields: readonly string[];
  readonly container: Container;
  readonly context: Context;
  readonly render: Render;
}

/** Makes the mounts of a running container those of the file: what is the same stays mounted. */
export async function changeLive(tools: Tools, live: LiveMounts): Promise<Result<void, Problem>> {
  const { environment, container, context, render } = live;
  const difference = differenceOf(live);
  if (typeof difference === "string") return failure(unchangeable(environment.name, difference));
  // An interrupted change left nobody knows what.
  if (difference.placed.length === 0 && difference.removed.length === 0)
    return failure(unchangeable(environment.name, "what is mounted in it is not known"));
  const requests = requestsFor(container.id, difference, render);
  const failed = (await changeMounts(tools.native, requests)).find((answer) => answer !== null);
  if (failed) return failure(problemOf(failed.error, `the mounts of ${environment.name} cannot be changed`));
  return await changeConfig(tools, { name: environment.name, context }, (config) =>
    withMounts(config, difference, render),
  );
}

/** Why that is not possible just now: somebody is in the way. Null: nothing is known to be. */
export async function obstacleTo(
  tools: Tools,
  live: Pick<LiveMounts, "environment" | "container">,
): Promise<string | null> {
  const difference = differenceOf({ ...live, fields: [] });
  if (typeof difference === "string") return difference;
  const { removed, placed } = difference;
  const id = live.container.id;
  const requests = [...removed, ...placed.map(({ target }) => target)].map(
    (target): MountRequest => ({ id, action: "remove", target, check: true }),
  );
  const busy = (await changeMounts(tools.native, requests)).find((answer) => answer?.busy);
  return busy ? `${busy.error.subject}: ${busy.error.reason}` : null;
}

interface Difference {
  /** Targets. */
  readonly removed: readonly string[];
  /** New, changed, or gone from the kernel's table. */
  readonly placed: readonly Mount[];
}

/** What is to be done; or why that is not possible while it runs. */
function differenceOf({
  environment,
  fields,
  container,
}: Pick<LiveMounts, "environment" | "fields" | "container">): Difference | string {
  const before = container.applied.mounts;
  const wanted = environment.mounts;
  const lost = new Set(
    fields.flatMap((path) => {
      const index = /^mounts\[(\d+)\]/.exec(path)?.[1];
      return index === undefined ? [] : [before[Number(index)]?.target];
    }),
  );
  const old = new Map(before.map((mount) => [mount.target, JSON.stringify(mount)]));
  const placed = wanted.filter(
    (mount) => lost.has(mount.target) || old.get(mount.target) !== JSON.stringify(mount),
  );
  const targets = new Set(wanted.map(({ target }) => target));
  const removed = before.map(({ target }) => target).filter((target) => !targets.has(target));
  const moved = [...removed, ...placed.map(({ target }) => target)];
  const stay = wanted.filter((mount) => !placed.includes(mount));
  const covered = stay.find(({ target }) => moved.some((other) => target.startsWith(`${other}/`)));
  return covered === undefined ? { removed, placed } : `${covered.target} lies below a mount that changes`;
}

/** The deepest go first, the shallowest come first. */
const requestsFor = (
  id: string,
  { removed, placed }: Difference,
  render: Render,
): readonly MountRequest[] => [
  ...removed
    .toSorted((left, right) => right.length - left.length)
    .map((target): MountRequest => ({ id, action: "remove", target })),
  ...placed.map(render).map(
    ({ destination: target, type, source, options }): MountRequest => ({
      id,
      action: "replace",
      target,
      type: type === "tmpfs" ? "tmpfs" : "bind",
      ...(source === undefined || type === "tmpfs" ? {} : { source }),
      ...(options === undefined ? {} : { options }),
    }),
  ),
];

function withMounts(config: OciConfig, { removed, placed }: Difference, render: Render): OciConfig {
  const rendered = placed.map(render);
  const gone = new Set([...removed, ...rendered.map(({ destination }) => destination)]);
  // Only the last at each place is the file's: below it may lie what every container has.
  const kept = (config.mounts ?? []).toReversed().filter(({ destination }) => !gone.delete(destination));
  return { ...config, mounts: [...kept.toReversed(), ...rendered] } as OciConfig;
}

const unchangeable = (environment: string, why: string): Problem => ({
  code: "not-changeable",
  message: `the mounts of the running ${environment} cannot be changed: ${why}`,
  place: null,
});
