import { dirname } from "node:path";
import type { GpuCapability, Gpus } from "../../../model/gpus.ts";
import { fingerprintOf } from "../../../model/hash.ts";
import { unreachable } from "../../../model/result.ts";
import type { OciMount } from "../../provider.ts";
import { type AttachedNode, type Attachment, nothing } from "../attachment.ts";
import type { Driver, DriverFile, DriverFiles, Library, Node } from "./model.ts";
import { type Chosen, keyOf } from "./select.ts";

/** What can be put into a root. */
export type Place =
  /** Whatever is needed, wherever it belongs. */
  | "writable"
  /** Only what is mounted on a directory that is there. */
  | "readonly"
  /** It is the machine's own root, and the driver's files are in it already. */
  | "shared"
  /** The machine's own root as a user has it, with a driver that is elsewhere: nothing but what is in /run. */
  | "closed";

export interface Attaching {
  readonly gpus: Gpus;
  readonly driver: Driver;
  readonly files: DriverFiles;
  readonly chosen: readonly Chosen[];
  /** Prefix of the driver's paths, which begin with /, on the host. */
  readonly root: string;
  readonly place: Place;
  /** /proc/driver/nvidia/params where that is to be seen changed; null: /proc stays as it is. */
  readonly params: string | null;
  /** LD_LIBRARY_PATH as the image and the file have it. */
  readonly libraryPath: string;
  readonly prebuilt: Prebuilt;
}

/** The directory that is mounted, prebuilt for a driver and capabilities. */
export interface Prebuilt {
  /** Absolute, on the host. */
  readonly directory: string;
  /** It has the driver's files, by hard links: one mount is all. Else each is mounted on an empty one. */
  readonly linked: boolean;
}

/** What a prebuilt directory has. */
export interface Content {
  /** By their name in it. */
  readonly files: Readonly<Record<string, Source>>;
  readonly links: Readonly<Record<string, string>>;
  /** Files with something in them. */
  readonly texts: Readonly<Record<string, string>>;
}

/** A file of the driver, absolute on the host, and which one it is. */
export interface Source {
  readonly path: string;
  readonly inode: number;
}

/** Everything that the chosen GPUs need inside. Pure. */
export function attachmentOf(attaching: Attaching): Attachment {
  const { gpus, driver, chosen, root, place } = attaching;
  return {
    ...nothing,
    ...(place === "shared" ? inPlace(attaching) : broughtIn(attaching)),
    nodes: nodesOf(attaching).map((node) => attachedNode(node, root)),
    gpus: chosen.map(keyOf),
    about: { driver: driver.version, capabilities: gpus.capabilities.join(" ") },
  };
}

type Parts = Pick<Attachment, "mounts" | "loader" | "compat" | "env" | "path">;
const attached = { NVIDIA_VISIBLE_DEVICES: "void" };

/** The driver in a directory of its own, where its files are those of the machine. */
function broughtIn(attaching: Attaching): Parts {
  const { place, root, prebuilt } = attaching;
  const home = homeOf(place);
  const libraries = librariesOf(attaching);
  const programs = filesOf(attaching).filter(isProgram);
  const names = libraries
    .filter((library) => folderOf(library) === "lib64")
    .flatMap(({ file, links }) => [file, ...links]);
  const files = () => [
    ...libraries.map((library) => bind(root + library.path, `${home}/${folderOf(library)}/${library.file}`)),
    ...programs.map(({ path, target }) => bind(root + path, `${home}/bin/${target}`)),
  ];
  const loader = names.length > 0 ? [{ directory: `${home}/lib64`, names: names.sort() }] : [];
  const isTold = place === "writable";
  return {
    mounts: [
      ...(libraries.length + programs.length > 0 ? [bind(prebuilt.directory, home)] : []),
      ...(prebuilt.linked ? [] : files()),
      ...placedFiles(attaching).map((file) => placedMount(file, root)),
      ...procMounts(attaching),
    ],
    loader: isTold ? loader : [],
    compat: isTold && hasCuda(attaching) ? attaching.driver.version : null,
    env: { ...attached, ...(names.length === 0 ? {} : searched(attaching)) },
    path: programs.length > 0 ? [`${home}/bin`] : [],
  };
}

const hasCuda = ({ gpus, driver }: Attaching): boolean =>
  driver.kind === "nvidia" && gpus.capabilities.includes("compute");

/**
 * LD_LIBRARY_PATH goes before the loader's cache. NVIDIA's images name the driver's directory in it, and
 * newer libraries of theirs would never be found.
 */
function searched({ place, libraryPath }: Attaching): Readonly<Record<string, string>> {
  const home = homeOf(place);
  const named = libraryPath.split(":").filter((directory) => directory !== "");
  const others = named.filter((directory) => !directory.startsWith(`${home}/`));
  if (place !== "writable") return { LD_LIBRARY_PATH: [`${home}/lib64`, ...others].join(":") };
  return others.length === named.length ? {} : { LD_LIBRARY_PATH: others.join(":") };
}

/** Directories that every loader, and every PATH, has by itself. */
const usual = /^\/(usr\/)?(s?bin|lib(64|\/[a-z0-9_]+-linux-gnu)?)$/;

/** The driver where it is: only what the loader and PATH do not know is told, and sockets are brought. */
function inPlace(attaching: Attaching): Parts {
  const unusual = (paths: readonly string[]) =>
    [...new Set(paths.map((path) => dirname(path)))].filter((directory) => !usual.test(directory));
  const native = librariesOf(attaching).filter(({ bits }) => bits === 64);
  const libraries = unusual(native.map(({ path }) => path));
  const programs = filesOf(attaching).filter(isProgram);
  return {
    mounts: [
      ...placedFiles(attaching).map((file) => placedMount(file, attaching.root)),
      ...procMounts(attaching),
    ],
    loader: [],
    compat: null,
    env: { ...attached, ...(libraries.length > 0 ? { LD_LIBRARY_PATH: libraries.join(":") } : {}) },
    path: unusual(programs.map(({ path }) => path)),
  };
}

/**
 * Where the driver is inside: the place that NVIDIA's images expect, so that their PATH has it already.
 * /run is everybody's own.
 */
const homeOf = (place: Place): string => (place === "closed" ? "/run/nvidia/driver" : "/usr/local/nvidia");

/** Files that keep their place, as far as there can be one. */
function placedFiles(attaching: Attaching): readonly DriverFile[] {
  const files = filesOf(attaching).filter((file) => !isProgram(file));
  const isOwn = ({ target }: DriverFile) => /^\/(run|tmp)\//.test(target);
  switch (attaching.place) {
    case "writable":
      return files;
    case "readonly":
      return [];
    case "shared":
    case "closed":
      return files.filter(isOwn);
    default:
      return unreachable(attaching.place);
  }
}

const isProgram = ({ kind }: DriverFile): boolean => kind === "binary";

/** What belongs into the prebuilt directory. */
export function contentOf(attaching: Attaching): Content {
  const libraries = librariesOf(attaching);
  const programs = filesOf(attaching).filter(isProgram);
  const source = ({ path, inode }: Source): Source => ({ path: attaching.root + path, inode });
  const files = Object.fromEntries([
    ...libraries.map((library) => [`${folderOf(library)}/${library.file}`, source(library)] as const),
    ...programs.map((program) => [`bin/${program.target}`, source(program)] as const),
  ]);
  const links = Object.fromEntries(
    libraries.flatMap((library) =>
      library.links.map((link) => [`${folderOf(library)}/${link}`, library.file] as const),
    ),
  );
  return { files, links, texts: textsOf(attaching) };
}

/** The name of a prebuilt directory, by what is in it: it is made once and never changed. */
export function prebuiltName(named: Pick<Attaching, "driver" | "files" | "gpus" | "params">): string {
  const { driver, files, gpus } = named;
  const key = fingerprintOf(JSON.stringify([files.id, gpus.capabilities, textsOf(named)]));
  return `${driver.version}-${key}`;
}

/** Beside the directory that has the files: the one to mount them in. */
export const mountedBeside = (directory: string): string => `${directory}-mounted`;

const textsOf = ({ params }: Pick<Attaching, "params">): Readonly<Record<string, string>> =>
  params === null ? {} : { params: withoutDeviceFiles(params) };

/** The driver's tools then make no nodes by themselves. */
const withoutDeviceFiles = (params: string): string =>
  params.replace(/^ModifyDeviceFiles:.*$/m, "ModifyDeviceFiles: 0");

/** Of /proc/driver/nvidia only the chosen GPUs are shown. */
function procMounts({ gpus, chosen, params, prebuilt }: Attaching): readonly OciMount[] {
  if (params === null || !gpus.mask) return [];
  const quiet = ["nosuid", "nodev", "noexec"];
  const directory = "/proc/driver/nvidia/gpus";
  const addresses = [...new Set(chosen.map(({ gpu }) => gpu.busId))];
  return [
    bind(`${prebuilt.directory}/params`, "/proc/driver/nvidia/params"),
    { destination: directory, type: "tmpfs", source: "tmpfs", options: [...quiet, "mode=555", "size=64k"] },
    ...addresses.map((address) => bind(`${directory}/${address}`, `${directory}/${address}`)),
  ];
}

/** The nodes of the chosen GPUs and those that every user of the driver opens. */
export function nodesOf({ gpus, driver, chosen }: Attaching): readonly Node[] {
  const control = driver.control.filter(({ capability }) => has(gpus, capability));
  const drm = has(gpus, "graphics") ? chosen.flatMap(({ gpu }) => gpu.drm) : [];
  const nodes = [
    ...chosen.map(({ gpu }) => gpu.node),
    ...control.map(({ capability: _, ...node }): Node => node),
    ...chosen.flatMap(({ mig }) => mig?.nodes ?? []),
    ...drm,
  ];
  return [...new Map(nodes.map((node) => [node.path, node])).values()];
}

export const librariesOf = ({ gpus, files }: Pick<Attaching, "gpus" | "files">): readonly Library[] =>
  files.libraries.filter(({ capability }) => has(gpus, capability));

const filesOf = ({ gpus, files }: Attaching): readonly DriverFile[] =>
  files.files.filter(({ capability }) => has(gpus, capability));

function has({ capabilities }: Gpus, needed: GpuCapability | "always"): boolean {
  // The modesetting node serves both.
  if (needed === "display" && capabilities.includes("graphics")) return true;
  return needed === "always" || capabilities.includes(needed);
}

const folderOf = ({ bits }: Library): "lib64" | "lib" => (bits === 64 ? "lib64" : "lib");

const bind = (source: string, destination: string): OciMount => ({
  destination,
  type: "none",
  source,
  options: ["bind", "ro", "nosuid", "nodev"],
});

/** Sockets are written to; a directory of them as well. */
function placedMount({ path, target, kind }: DriverFile, root: string): OciMount {
  const mount = bind(root + path, target);
  const writable = kind === "socket" || target === "/tmp/nvidia-mps";
  return writable ? { ...mount, options: ["bind", "nosuid", "nodev", "noexec"] } : mount;
}

const attachedNode = ({ path, major, minor }: Node, root: string): AttachedNode => ({
  type: "c",
  path,
  ...(root === "" ? {} : { source: root + path }),
  major,
  minor,
  fileMode: 0o666,
  uid: 0,
  gid: 0,
  access: "rw",
});
