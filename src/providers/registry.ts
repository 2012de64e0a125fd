import { join } from "node:path";
import { realPrograms } from "../host/programs.ts";
import { environmentPaths } from "../state/paths.ts";
import { makeDevicesProvider } from "./devices/provider.ts";
import type { DeviceTools } from "./devices/resolve.ts";
import { makeForeground } from "./launch/bundle.ts";
import { makeLauncher } from "./launch/launcher.ts";
import { makeLaunchProvider } from "./launch/provider.ts";
import { makeMountsProvider } from "./mounts/provider.ts";
import { makeNetworkProvider } from "./network/provider.ts";
import type { Foreground, Launcher, Provider } from "./provider.ts";
import { makeResourcesProvider } from "./resources/provider.ts";
import { type Images, makeImages } from "./rootfs/image/images.ts";
import { layerName } from "./rootfs/layers.ts";
import { makeRootfsProvider } from "./rootfs/provider.ts";
import { makeStacks, type Stacks } from "./rootfs/stacks.ts";
import type { Tools } from "./tools.ts";

export interface Registry {
  readonly images: Images;
  /** In the order in which they contribute to a bundle: what comes later lies on top. */
  readonly providers: readonly Provider[];
  readonly launcher: Launcher;
  readonly foreground: Foreground;
  /** For the commands that make, export and keep root filesystems. */
  readonly roots: { readonly tools: Tools; readonly stacks: Stacks };
}

/** What was learnt of images in this run serves whoever works with the same tools. */
const images = new WeakMap<Tools, Images>();

function imagesOf(tools: Tools): Images {
  const there = images.get(tools) ?? makeImages(tools);
  images.set(tools, there);
  return there;
}

export function makeRegistry(tools: Tools): Registry {
  const foreground = makeForeground(tools);
  const network = makeNetworkProvider({ ...tools, programs: realPrograms });
  const stacks = makeStacks(tools, { providers: [network], foreground, images: imagesOf(tools) });
  return {
    images: imagesOf(tools),
    providers: [
      makeRootfsProvider(tools, stacks),
      network,
      makeMountsProvider(tools),
      makeResourcesProvider(tools),
      makeDevicesProvider({ ...tools, rootOf: rootOf(tools, stacks) }),
      makeLaunchProvider(tools),
    ],
    launcher: makeLauncher(tools),
    foreground,
    roots: { tools, stacks },
  };
}

/** The writable layer, and what lies below it as far as the store has it. */
const rootOf =
  (tools: Tools, stacks: Stacks): NonNullable<DeviceTools["rootOf"]> =>
  (environment, context) => {
    const { rootfs, name } = environment;
    if (rootfs.kind === "host") return { variables: {}, layers: [] };
    const stack =
      rootfs.kind === "path"
        ? { layers: [rootfs.path], config: null }
        : stacks.resolve({ environment, rootfs, context });
    if (stack === null) return { variables: {}, layers: [] };
    const { upper } = environmentPaths(tools.paths, context.project.id, name);
    return {
      variables: stack.config?.env ?? {},
      layers: [join(upper, layerName("/")), ...stack.layers],
    };
  };
