import { dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { trees } from "../../../host/trees.ts";
import type { Bootstrap } from "../../../model/build.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { storePath } from "../../../state/paths.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import type { StackRequest, StackSource } from "../source.ts";
import { hasLayer, type LayerFiles, type LayerId, layerFiles, stackOf } from "../store/layers.ts";
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
  generatedKey,
  generationOf,
  installedPackages,
  releaseName,
} from "./request.ts";

/** Roots that are a distribution, or a part of one. */
export interface Bootstraps extends StackSource<Bootstrap> {
  /**
   * Installs anew what the store has, for whoever asks from now on; with the same versions of all packages
   * nothing changes. What was not installed yet is left to `ensure`. pavlos.lock is told.
   */
  readonly update: (request: StackRequest<Bootstrap>) => Promise<Result<void, Problem>>;
}

/** Stacks of one layer that a distribution is installed into. */
export const makeBootstraps = (tools: Tools): Bootstraps => ({
  resolve: ({ rootfs }) => resolve(tools, rootfs),
  ensure(request) {
    const id = bootstrapLayer(currentKey(tools, request.rootfs));
    leaseLayers(tools, [id]);
    const there = resolve(tools, request.rootfs);
    if (there !== null) {
      pin(tools, request, "found");
      return Promise.resolve(success(there));
    }
    return withLayerLock(tools, id, {
      signal: request.context.signal,
      work: async () => {
        const made = hasLayer(tools, id) ? success(undefined) : await install(tools, request, id);
        if (!made.ok) return made;
        pin(tools, request, "made");
        const stack = resolve(tools, request.rootfs);
        if (stack === null)
          throw new Error(`the layer of ${request.rootfs.suite} is not there after it was made`);
        return success(stack);
      },
    });
  },
  async update(request) {
    const { rootfs } = request;
    const before = readInfo(tools, rootfs);
    // busybox is the machine's own.
    if (before === null || rootfs.suite === "busybox") return success(undefined);
    const made = await installAnew(tools, request, before.packages);
    if (!made.ok) return made;
    pin(tools, request, "made");
    return success(undefined);
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
const readInfo = (tools: Tools, rootfs: Bootstrap): BootstrapInfo | null =>
  infoOf(tools, currentKey(tools, rootfs));

export function infoOf(tools: Tools, key: string): BootstrapInfo | null {
  const text = tools.files.readText(infoPath(layerFiles(tools, bootstrapLayer(key))));
  return text === null ? null : (JSON.parse(text) as BootstrapInfo);
}

/** By what the request is known: as it was installed first, or by its last update. */
export function currentKey(tools: Tools, rootfs: Bootstrap): string {
  const key = bootstrapKey(rootfs, tools.host.arch);
  const generation = tools.files.readText(generationPath(tools, key))?.trim() ?? "";
  return generation === "" ? key : generatedKey(key, generation);
}

function rememberGeneration(tools: Tools, rootfs: Bootstrap, generation: string): void {
  const path = generationPath(tools, bootstrapKey(rootfs, tools.host.arch));
  tools.files.makeDirectory(dirname(path), 0o711);
  tools.files.replace(path, `${generation}\n`);
}

const generationPath = ({ paths }: Tools, key: string): string => join(storePath(paths), "bootstraps", key);

function resolve(tools: Tools, rootfs: Bootstrap): Stack | null {
  const key = currentKey(tools, rootfs);
  return stackOf(tools, { layers: [bootstrapLayer(key)], key, config: null });
}

/** The layer is not there; of one that an update made, gc has removed it: then it is what the archive has now. */
function install(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  id: LayerId,
): Promise<Result<void, Problem>> {
  const isFirst = id === bootstrapLayer(bootstrapKey(request.rootfs, tools.host.arch));
  return isFirst ? make(tools, request, () => id) : installAnew(tools, request, null);
}

/** Nothing changes when the packages are those of `before`. */
async function installAnew(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  before: BootstrapInfo["packages"] | null,
): Promise<Result<void, Problem>> {
  const { rootfs } = request;
  let generation: string | null = null;
  const made = await make(tools, request, ({ packages }) => {
    if (before !== null && isDeepStrictEqual(packages, before)) return null;
    generation = generationOf(packages);
    return bootstrapLayer(generatedKey(bootstrapKey(rootfs, tools.host.arch), generation));
  });
  // Last: it names a layer that is there.
  if (made.ok && generation !== null) rememberGeneration(tools, rootfs, generation);
  return made;
}

/** `idOf` what was installed is the layer that it becomes; null: it is not kept. */
async function make(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  idOf: (info: BootstrapInfo) => LayerId | null,
): Promise<Result<void, Problem>> {
  const staged = await stageLayer(tools);
  if (!staged.ok) return staged;
  const done = await fill(tools, request, staged.value);
  const id = done.ok ? idOf(done.value) : null;
  const kept = id === null ? done : await commitLayers(tools, [{ staged: staged.value, id }]);
  if (id === null || !kept.ok) await dropStaged(tools, [staged.value]);
  if (kept.ok) return success(undefined);
  return request.context.signal.aborted ? failure(interrupted(request.rootfs.suite)) : kept;
}

async function fill(
  tools: Tools,
  request: StackRequest<Bootstrap>,
  staged: LayerFiles,
): Promise<Result<BootstrapInfo, Problem>> {
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
): Promise<Result<BootstrapInfo, Problem>> {
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
    return info;
  });
}

const infoPath = ({ directory }: LayerFiles): string => join(directory, "bootstrap.json");

const interrupted = (suite: string): Problem => ({
  code: "interrupted",
  message: `the bootstrap of ${suite} was interrupted`,
  place: null,
  hint: "nothing of it is kept; run the command again",
});
