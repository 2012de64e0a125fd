import { makeForeground } from "./launch/bundle.ts";
import { makeLauncher } from "./launch/launcher.ts";
import { makeLaunchProvider } from "./launch/provider.ts";
import { makeMountsProvider } from "./mounts/provider.ts";
import { makeNetworkProvider } from "./network/provider.ts";
import type { Foreground, Launcher, Provider } from "./provider.ts";
import { makeResourcesProvider } from "./resources/provider.ts";
import { makeRootfsProvider } from "./rootfs/provider.ts";
import type { Tools } from "./tools.ts";

export interface Registry {
  /** In the order in which they contribute to a bundle: what comes later lies on top. */
  readonly providers: readonly Provider[];
  readonly launcher: Launcher;
  readonly foreground: Foreground;
}

export const makeRegistry = (tools: Tools): Registry => ({
  providers: [
    makeRootfsProvider(tools),
    makeNetworkProvider(tools),
    makeMountsProvider(tools),
    makeResourcesProvider(tools),
    makeLaunchProvider(tools),
  ],
  launcher: makeLauncher(tools),
  foreground: makeForeground(tools),
});
