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
    if (there !== null) return Promise.resolve(success(there));
    return withLayerLock(tools, bootstrapLayer(key), {
      signal: request.context.signal,
      work: async () => {
        const made = hasLayer(tools, bootstrapLayer(key))
          ? success(undefined)
          : await make(tools, request, key);
        if (!made.ok) return made;
        const stack = resolve(tools, request.rootfs);
        if (stack === null)
          throw new Error(`the layer of ${request.rootfs.suite} is not there after it was made`);
        return success(stack);
      },
    });
  },
});

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
