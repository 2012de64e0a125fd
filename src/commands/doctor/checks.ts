import type { Check } from "./check.ts";
import { hostRoot, subordinateIds, userNamespaces } from "./identity.ts";
import { kernel, overlay, seccomp } from "./kernel.ts";
import { cgroups, disk, firewall, runtime, stateDirectories } from "./resources.ts";

/** In the order in which they are shown. */
export const checks: readonly Check[] = [
  kernel,
  runtime,
  userNamespaces,
  subordinateIds,
  cgroups,
  overlay,
  seccomp,
  hostRoot,
  disk,
  stateDirectories,
  firewall,
];
