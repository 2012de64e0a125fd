import { join } from "node:path";
import type { Environment, Rootfs } from "../../model/environment.ts";
import { failure, type Result, success, unreachable } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { type Identity, identityOf } from "../../oci/identity.ts";
import { environmentPaths } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Context, Contribution, Provider } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { observeArchives } from "./archive/observe.ts";
import { remove, setAside } from "./aside.ts";
import { observeBootstraps } from "./bootstrap/observe.ts";
import { observeBuilds } from "./build/observe.ts";
import { checkRoots } from "./check.ts";
import { hostContribution } from "./host.ts";
import { pathsOf, removeTrees } from "./snapshots/store.ts";
import type { Stored } from "./source.ts";
import type { Stacks } from "./stacks.ts";
import { stackContribution, treeContribution } from "./tree.ts";
import { writtenSince } from "./written.ts";

/** Root filesystems: the host's own, a directory, an archive, an image, steps; and the writable layers over them. */
export function makeRootfsProvider(tools: Tools, stacks: Stacks): Provider {
  return {
    name: "rootfs",
    fields: ["rootfs", "readonly", "persist"],
    check: (environments, context) => checkRoots(tools, environments, context),
    async observe(instances, context) {
      const archives = await observeArchives(tools, instances);
      const bootstraps = observeBootstraps(tools, instances);
      return new Map([...archives, ...bootstraps, ...observeBuilds(stacks, instances, context)]);
    },
    async prepare(environment, context, { fresh }) {
      const { rootfs } = environment;
      if (isStored(rootfs)) {
        const ready = await stacks.ensure({ environment, rootfs, context });
        if (!ready.ok) return ready;
      }
      return fresh ? dropLayers(tools, environment.name, context) : success(undefined);
    },
    async contribute(environment, context) {
      const identity = identityOf(environment, tools.host);
      if (!identity.ok) return failure({ code: "identity-impossible", ...identity.failure, place: null });
      if (!environment.persist || environment.readonly) {
        const dropped = await dropLayers(tools, environment.name, context);
        if (!dropped.ok) return dropped;
      }
      const { rootfs } = environment;
      if (!isStored(rootfs))
        return contribution(tools, environment, { identity: identity.value, context, rootfs });
      const stack = await stacks.lower({ environment, rootfs, context });
      if (!stack.ok) return stack;
      const own = environmentPaths(tools.paths, context.project.id, environment.name);
      return attempt(`the root filesystem of ${environment.name} cannot be prepared`, () =>
        stackContribution(stack.value, own, identity.value),
      );
    },
    written: async (records, context) => writtenSince(tools.paths, records, context),
    aside: (record, step, context) => setAside(tools, { record, step }, context),
    async remove(name, context) {
      const place = { tools, projectId: context.project.id, name };
      const { snapshots, staged, aside } = pathsOf(place);
      const removed = await removeTrees(place, [snapshots, staged, aside]);
      return removed.ok ? await dropLayers(tools, name, context) : removed;
    },
  };
}

interface Plain {
  readonly identity: Identity;
  readonly context: Context;
  readonly rootfs: Exclude<Rootfs, Stored>;
}

const isStored = (rootfs: Rootfs): rootfs is Stored => rootfs.kind !== "host" && rootfs.kind !== "path";

async function contribution(
  tools: Tools,
  environment: Environment,
  { identity, context, rootfs }: Plain,
): Promise<Result<Contribution, Problem>> {
  const { name } = environment;
  const own = environmentPaths(tools.paths, context.project.id, name);
  return attempt(`the root filesystem of ${name} cannot be prepared`, () => {
    switch (rootfs.kind) {
      case "host":
        return hostContribution(tools, environment, { identity, context });
      case "path":
        return treeContribution(rootfs.path, own, { identity, direct: rootfs.mode === "direct" });
      default:
        return unreachable(rootfs);
    }
  });
}

/** Removes the writable layers. */
function dropLayers(tools: Tools, name: string, context: Context): Promise<Result<void, Problem>> {
  const own = environmentPaths(tools.paths, context.project.id, name);
  return remove(tools, name, [own.upper, own.work, join(own.bundle, "rootfs")]);
}
