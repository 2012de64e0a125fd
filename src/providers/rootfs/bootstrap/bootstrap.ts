import { join } from "node:path";
import { trees } from "../../../host/trees.ts";
import type { Bootstrap } from "../../../model/build.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import type { StackRequest, StackSource } from "../source.ts";
import { hasLayer, type LayerFiles, layerFiles, stackOf } from "../store/layers.ts";
import { leaseLayers } from "../store/leases.ts";
import { withLayerLock } from "../store/locks.ts";
import type { Stack } from "../store/stack.ts";
import { commitLayers, dropStaged, stageLayer } from "../store/stage.ts";
import { installBusybox } from "./busybox.ts";
import { installDistribution } from "./mmdebstrap.ts";
import {
  type BootstrapInfo,
  bootstrapKey,
  bootstrapLayer,
  bootstrapName,
  installedPackages,
  releaseName,
} from "./request.ts";

/** Stacks of one layer that a distribution is installed into. */
export const makeBootstraps = (tools: Tools): StackSource<Bootstrap> => ({
  resolve: ({ rootfs }) => resolve(tools, rootfs),
  ensure(request) {
    const key = bootstrapKey(request.rootfs, tools.host.arch);
    leaseLayers(tools, [bootstrapLayer(key)]);
    const there = resolve(tools, request.rootfs);
    if (there !== null) {
      pin(tools, request, "found");
      return Promise.resolve(success(there));
    }
    return withLayerLock(tools, bootstrapLayer(key), {
      signal: request.context.signal,
      work: async () => {
        const made = hasLayer(tools, bootstrapLayer(key))
          ? success(undefined)
          : await make(tools, request, key);
        if (!made.ok) return made;
        pin(tools, request, "made");
        const stack = resolve(tools, request.rootfs);
        if (stack === null)
          throw new Error(`the layer of ${request.rootfs.suite} is not there after it was made`);
        return success(stack);
      },
    });
  },
});

/**
 * Notes in pavlos.lock what was installed. What the store had from before does not change what another machine
 * has noted, but a frozen lock has to agree with it.
 */
function pin(tools: Tools, { rootfs, context }: StackRequest<Bootstrap>, how: "found" | "made"): void {
  const info = readInfo(tools, rootfs);
  if (info === null || rootfs.suite === "busybox") return;
  const lock = tools.lockFile(context.project.root);
  const path = ["bootstraps", bootstrapName(rootfs, tools.host.arch)] as const;
  if (how === "found" && lock.get(path) !== null && !lock.frozen()) return;
  const { release, releases, packages } = info;
  lock.set(path, { release, releases: releases.join(" "), packages });
}

/** What was installed; null: it is not in the store. */
export function readInfo(tools: Tools, rootfs: Bootstrap): BootstrapInfo | null {
  const key = bootstrapKey(rootfs, tools.host.arch);
  const text = tools.files.readText(infoPath(layerFiles(tools, bootstrapLayer(key))));
  return text === null ? null : (JSON.parse(text) as BootstrapInfo);
}

function resolve(tools: Tools, rootfs: Bootstrap): Stack | null {
  const key = bootstrapKey(rootfs, tools.host.arch);
  return stackOf(tools, { layers: [bootstrapLayer(key)], key, config: null });
}

async function make(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  key: string,
): Promise<Result<void, Problem>> {
  const staged = await stageLayer(tools);
  if (!staged.ok) return staged;
  const done = await fill(tools, request, staged.value);
  const kept = done.ok
    ? await commitLayers(tools, [{ staged: staged.value, id: bootstrapLayer(key) }])
    : done;
  if (kept.ok) return kept;
  await dropStaged(tools, [staged.value]);
  return request.context.signal.aborted ? failure(interrupted(request.rootfs.suite)) : kept;
}

async function fill(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  staged: LayerFiles,
): Promise<Result<void, Problem>> {
  const { suite } = request.rootfs;
  if (suite === "busybox") {
    const done = await installBusybox(tools, request, staged);
    return done.ok ? writeInfo(tools, staged, { suite, releases: [] }) : done;
  }
  const done = await installDistribution(tools, request, staged);
  return done.ok ? writeInfo(tools, staged, { suite, releases: done.value }) : done;
}

function writeInfo(
  tools: Tools,
  staged: LayerFiles,
  { suite, releases }: Pick<BootstrapInfo, "suite" | "releases">,
): Promise<Result<void, Problem>> {
  return attempt("what was installed cannot be noted", () => {
    const text = (path: string) => trees.readThrough(join(staged.tree, path)) ?? "";
    const info: BootstrapInfo = {
      suite,
      release: releaseName(text("usr/lib/os-release")) || releaseName(text("etc/os-release")) || suite,
      releases,
      packages: installedPackages(text("var/lib/dpkg/status")),
      madeAt: new Date().toISOString(),
    };
    tools.files.replace(infoPath(staged), `${JSON.stringify(info)}\n`);
  });
}

const infoPath = ({ directory }: LayerFiles): string => join(directory, "bootstrap.json");

const interrupted = (suite: string): Problem => ({
  code: "interrupted",
  message: `the bootstrap of ${suite} was interrupted`,
  place: null,
  hint: "nothing of it is kept; run the command again",
});
