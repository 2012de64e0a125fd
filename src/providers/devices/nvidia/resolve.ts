import type { DriverTree } from "../../../host/driver-tree.ts";
import { isInLayers } from "../../../host/layered.ts";
import type { Gpus } from "../../../model/gpus.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Notice } from "../../../model/source.ts";
import type { Tools } from "../../tools.ts";
import { type Attachment, nothing } from "../attachment.ts";
import { absentNode } from "./absent.ts";
import {
  type Content,
  contentOf,
  librariesOf,
  mountedBeside,
  type Place,
  type Prebuilt,
  prebuiltName,
} from "./attach.ts";
import { attachOnce } from "./attach-once.ts";
import { cachedFiles } from "./cache.ts";
import { detailsOf } from "./details.ts";
import { findDriver, findDriverFiles } from "./discover.ts";
import type { Driver, DriverFiles } from "./model.ts";
import { cudaOf, requirementsOf, unmet } from "./require.ts";
import { type Choice, type Chosen, keyOf, type Refusal, select } from "./select.ts";

export interface Found {
  readonly driver: Driver;
  readonly files: DriverFiles;
}

export interface GpuRefusal {
  readonly code:
    | Refusal["code"]
    | "toolkit-missing"
    | "driver-missing"
    | "driver-mismatch"
    | "device-missing"
    | "libc-unsuitable";
  readonly message: string;
  readonly hint: string;
}

/** A prebuilt directory, and what belongs into it where it is not there yet. */
export interface Prepared extends Prebuilt {
  readonly content: () => Content;
}

export interface Resolved {
  readonly attachment: Attachment;
  /** What it mounts has to be there; null: nothing is mounted. */
  readonly directory: Prepared | null;
  readonly notices: readonly Pick<Notice, "code" | "message" | "hint">[];
}

export interface GpuRequest {
  readonly gpus: Gpus;
  readonly place: Place;
  /** Directory for prebuilt directories. */
  readonly store: string;
  readonly used: ReadonlySet<string>;
  readonly own: ReadonlySet<string>;
  /** Of the image and the file: NVIDIA_REQUIRE_... */
  readonly variables: Readonly<Record<string, string>>;
  /** security.masks: parts of /proc are hidden. */
  readonly masks: boolean;
  /** The trees of the root, topmost first; none: the machine's own, or not there yet. */
  readonly layers: readonly string[];
}

/** The driver and its files; null: none. */
export function lookForDriver(
  tree: DriverTree,
  tools: Pick<Tools, "files" | "paths" | "host">,
): Found | null {
  const driver = findDriver(tree);
  if (driver === null) return null;
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const { kernel } = tools.host;
  const files = cachedFiles(tools, tree, {
    driver,
    find: () => findDriverFiles(tree, driver, { arch, kernel }),
  });
  return { driver, files };
}

/** What is attached for the GPUs of an environment, or why they cannot be. Changes nothing. */
export function resolveGpus(
  tools: Tools,
  tree: DriverTree,
  { found, request }: { readonly found: Found | null; readonly request: GpuRequest },
): Result<Resolved, GpuRefusal> {
  const { gpus } = request;
  const chosen = found === null ? failure(missing(tree)) : choose(tools, tree, { found, request });
  if (!chosen.ok) {
    if (!gpus.optional) return chosen;
    const notice = { code: "gpus-left-out", message: `goes on without GPUs: ${chosen.failure.message}` };
    return success({ attachment: nothing, directory: null, notices: [notice] });
  }
  if (found === null) return success({ attachment: nothing, directory: null, notices: [] });
  if (gpus.mode === "toolkit") return byToolkit(tools, tree, { gpus, found, chosen: chosen.value });
  const stale = mismatch(found, gpus);
  if (stale !== null) return failure(stale);
  const unfit = otherLibc(found, request);
  if (unfit !== null) return failure(unfit);
  const named = {
    ...found,
    gpus,
    chosen: chosen.value,
    params: paramsOf(tree, request),
  };
  const prebuilt = prebuiltIn(tools, `${request.store}/${prebuiltName(named)}`);
  const attaching = {
    ...named,
    root: tree.root,
    place: request.place,
    libraryPath: request.variables.LD_LIBRARY_PATH ?? "",
    prebuilt,
  };
  const attachment = attachOnce(attaching);
  const absent = absentNode(tools, tree, { attachment, gpus, driver: found.driver });
  if (absent !== null) return failure(absent);
  const isMounted = attachment.mounts.some(({ source }) => source?.startsWith(prebuilt.directory));
  const directory = isMounted ? { ...prebuilt, content: () => contentOf(attaching) } : null;
  return success({ attachment, directory, notices: [] });
}

/**
 * Only root may link to others' files. Whether the machine lets it is seen when the directory is made; where it
 * does not, there is then one to mount them in.
 */
function prebuiltIn({ files, host }: Tools, directory: string): Prebuilt {
  const mounted = mountedBeside(directory);
  const linked = host.caller.uid === 0 && files.status(mounted) === null;
  return linked ? { directory, linked } : { directory: mounted, linked };
}

/** Only the machine's own /proc is the one that containers see. */
const paramsOf = (tree: DriverTree, { masks, gpus }: GpuRequest): string | null =>
  tree.root === "" && masks && gpus.mask ? tree.text("/proc/driver/nvidia/params") : null;

/** NVIDIA's own hook, which runs nvidia-container-cli; it takes what it is to do from these variables. */
function byToolkit(
  { host }: Tools,
  tree: DriverTree,
  { gpus, found, chosen }: { readonly gpus: Gpus; readonly found: Found; readonly chosen: readonly Chosen[] },
): Result<Resolved, GpuRefusal> {
  const path = "/usr/bin/nvidia-container-runtime-hook";
  const refuse = (message: string, hint: string) =>
    failure({ code: "toolkit-missing" as const, message, hint });
  const native = "leave out mode: toolkit; Pavlos attaches GPUs by itself";
  if (tree.status(path) === null)
    return refuse(`mode: toolkit needs ${path}`, `apt-get install nvidia-container-toolkit, or ${native}`);
  if (host.caller.uid !== 0) return refuse("mode: toolkit needs root", native);
  const hook = {
    point: "prestart",
    path: `${tree.root}${path}`,
    args: ["nvidia-container-runtime-hook", "prestart"],
  } as const;
  const devices = chosen.map(({ gpu, mig }) =>
    mig === null ? (gpu.uuid ?? String(gpu.index)) : `${gpu.index}:${mig.index}`,
  );
  const attachment: Attachment = {
    ...nothing,
    env: {
      NVIDIA_VISIBLE_DEVICES: devices.join(","),
      NVIDIA_DRIVER_CAPABILITIES: gpus.capabilities.join(","),
    },
    hooks: [hook],
    gpus: chosen.map(keyOf),
    about: { driver: found.driver.version, mode: "toolkit" },
  };
  return success({ attachment, directory: null, notices: [] });
}

function choose(
  tools: Tools,
  tree: DriverTree,
  { found, request }: { readonly found: Found; readonly request: GpuRequest },
) {
  const { gpus, used, own } = request;
  const named = typeof gpus.want === "object" && gpus.want.some((name) => /^MIG-/i.test(name));
  const asksForArch = requirementsOf(request.variables).some(({ text }) => text.includes("arch"));
  const needed = gpus.memory !== null || gpus.compute !== null || named || asksForArch;
  const choice: Choice = {
    driver: found.driver,
    details: needed ? detailsOf(tools, tree, found) : new Map(),
    used,
    own,
  };
  const chosen = select(gpus, choice);
  if (!chosen.ok) return chosen;
  const against = unmetRequirement(chosen.value, choice, request.variables);
  return against === null ? chosen : failure(against);
}

/** What an image asks for, held against each chosen GPU. */
function unmetRequirement(
  chosen: readonly Chosen[],
  { driver, details }: Choice,
  variables: Readonly<Record<string, string>>,
): Refusal | null {
  for (const requirement of requirementsOf(variables)) {
    for (const { gpu } of chosen) {
      const against = unmet(requirement, {
        driver: driver.version,
        cuda: cudaOf(driver.version),
        compute: details.get(gpu.uuid ?? gpu.busId)?.compute ?? null,
        model: gpu.model,
      });
      if (against === null) continue;
      return {
        code: "gpu-unsuitable",
        message: `GPU ${gpu.index}: ${against}`,
        hint: "update the driver, choose another image, or set NVIDIA_DISABLE_REQUIRE: 1 in env",
      };
    }
  }
  return null;
}

/** Libraries of another version than the module's cannot talk to it. */
function mismatch({ driver, files }: Found, gpus: Gpus): GpuRefusal | null {
  if (driver.kind !== "nvidia" || librariesOf({ gpus, files }).length > 0) return null;
  if (gpus.capabilities.length === 0) return null;
  const there = files.versions.join(", ");
  return {
    code: "driver-mismatch",
    message:
      there === ""
        ? `the driver ${driver.version} is loaded, but none of its libraries is installed`
        : `the driver ${driver.version} is loaded, but the installed libraries are of ${there}`,
    hint:
      there === ""
        ? "install the driver's libraries (libcuda, libnvidia-ml) of that version"
        : "reload the module (rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia; modprobe nvidia) or reboot",
  };
}

/** The driver's libraries are made for glibc. */
function otherLibc({ files }: Found, { gpus, layers }: GpuRequest): GpuRefusal | null {
  if (layers.length === 0 || librariesOf({ gpus, files }).length === 0) return null;
  const arch = process.arch === "arm64" ? arm64 : x64;
  if (!isInLayers(layers, arch.musl) || arch.glibc.some((path) => isInLayers(layers, path))) return null;
  return {
    code: "libc-unsuitable",
    message: "the driver's libraries need glibc, and the root has musl",
    hint: "add gcompat to it (apk add gcompat), use a root with glibc, or bring no libraries: gpus: {capabilities: []}",
  };
}

/** Where a root has the loaders of its programs; glibc's name is where gcompat puts itself. */
const x64 = {
  musl: "/lib/ld-musl-x86_64.so.1",
  glibc: ["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-x86-64.so.2"],
};
const arm64 = { musl: "/lib/ld-musl-aarch64.so.1", glibc: ["/lib/ld-linux-aarch64.so.1"] };

const missing = (tree: DriverTree): GpuRefusal => ({
  code: "driver-missing",
  message: `no NVIDIA driver is loaded${tree.root === "" ? "" : ` below ${tree.root}`}`,
  hint: "install and load the driver (`cat /proc/driver/nvidia/version` shows it), or write optional: true",
});
