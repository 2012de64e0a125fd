import { dirname, join } from "node:path";
import { trees } from "../../host/trees.ts";
import { type Result, success, unreachable } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { environmentPaths } from "../../state/paths.ts";
import type { Tools } from "../tools.ts";
import { makeArchives } from "./archive/archive.ts";
import { type Bootstraps, makeBootstraps } from "./bootstrap/bootstrap.ts";
import { makeBuilds } from "./build/build.ts";
import type { StepParts } from "./build/runner.ts";
import type { Images } from "./image/images.ts";
import { makeNamed } from "./named/named.ts";
import type { StackRequest, StackSource, Stored } from "./source.ts";
import { parseBase, printBase } from "./store/base.ts";
import type { Stack } from "./store/stack.ts";

/** All kinds of stored root filesystems behind one door. */
export interface Stacks extends StackSource<Stored> {
  /**
   * What the writable layer lies over: what it was begun on, also when the archive, tag or build has
   * changed since (that is drift, and a recreate's business).
   */
  readonly lower: (request: StackRequest) => Promise<Result<Stack, Problem>>;
  /** What `ensure` would name its stack now; null: it cannot be known without an effect. */
  readonly key: (request: StackRequest) => string | null;
  /** As Bootstraps has it. */
  readonly update: Bootstraps["update"];
}

/** What the kinds of roots need of others. */
export interface StackParts extends StepParts {
  readonly images: Images;
}

export function makeStacks(tools: Tools, parts: StackParts): Stacks {
  const { images } = parts;
  const archives = makeArchives(tools);
  const bootstraps = makeBootstraps(tools);
  const named = makeNamed(tools);
  const builds = makeBuilds(tools, parts, {
    ensure: (request) => ensure(request),
    resolve: (request) => resolve(request),
  });
  const ensure = (request: StackRequest): Promise<Result<Stack, Problem>> => {
    const { rootfs } = request;
    switch (rootfs.kind) {
      case "archive":
        return archives.ensure({ ...request, rootfs });
      case "bootstrap":
        return bootstraps.ensure({ ...request, rootfs });
      case "named":
        return named.ensure({ ...request, rootfs });
      case "build":
        return builds.ensure({ ...request, rootfs });
      case "image":
        return images.ensure({ ...request, rootfs });
      default:
        return unreachable(rootfs);
    }
  };
  const resolve = (request: StackRequest): Stack | null => {
    const { rootfs } = request;
    switch (rootfs.kind) {
      case "archive":
        return archives.resolve({ ...request, rootfs });
      case "bootstrap":
        return bootstraps.resolve({ ...request, rootfs });
      case "named":
        return named.resolve({ ...request, rootfs });
      case "build":
        return builds.resolve({ ...request, rootfs });
      case "image":
        return images.resolve({ ...request, rootfs });
      default:
        return unreachable(rootfs);
    }
  };
  return {
    ensure,
    resolve,
    update: bootstraps.update,
    lower: (request) => lower(tools, request, ensure),
    key: ({ rootfs, ...request }) =>
      rootfs.kind === "build"
        ? builds.key({ ...request, rootfs })
        : (resolve({ ...request, rootfs })?.key ?? null),
  };
}

async function lower(
  tools: Tools,
  request: StackRequest,
  ensure: Stacks["ensure"],
): Promise<Result<Stack, Problem>> {
  const base = basePath(tools, request);
  const begun = parseBase(tools, tools.files.readText(base));
  if (begun !== null) return success(begun);
  const stack = await ensure(request);
  if (!stack.ok) return stack;
  // For `gc --max-size`, which begins with what was not used for the longest time.
  for (const tree of stack.value.layers) trees.touch(dirname(tree));
  trees.makeDirectory(dirname(base), 0o700);
  tools.files.replace(base, printBase(stack.value));
  return stack;
}

/** In work/, so that it goes with the writable layer. */
const basePath = (tools: Tools, { environment, context }: StackRequest): string =>
  join(environmentPaths(tools.paths, context.project.id, environment.name).work, "base");
