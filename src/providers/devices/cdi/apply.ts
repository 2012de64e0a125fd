import { basename, dirname, join } from "node:path";
import type { DriverTree } from "../../../host/driver-tree.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { CdiEdits, CdiHook, CdiMount, CdiNode } from "../../../oci/cdi.gen.ts";
import type { OciMount } from "../../provider.ts";
import { type AttachedHook, type AttachedNode, type Attachment, nothing } from "../attachment.ts";
import { knownHook } from "./hooks.ts";
import type { FoundDevice } from "./resolve.ts";

export interface EditRefusal {
  readonly code: "cdi-unsupported" | "device-missing";
  readonly message: string;
  readonly hint: string;
}

/** Devices as what a container gets: each file's own edits once, then each device's. */
export function attachmentOfDevices(
  tree: DriverTree,
  devices: readonly FoundDevice[],
): Result<Attachment, EditRefusal> {
  const files = new Map(devices.map(({ file, common }) => [file, common]));
  const edits = [...files.values(), ...devices.map(({ own }) => own)];
  const all = <T>(pick: (edits: CdiEdits) => readonly T[] | undefined): readonly T[] =>
    edits.flatMap((one) => pick(one) ?? []);
  const refusal = unsupported(edits, devices);
  if (refusal !== null) return failure(refusal);
  const nodes: AttachedNode[] = [];
  for (const node of all(({ deviceNodes }) => deviceNodes)) {
    const attached = nodeOf(tree, node);
    if (attached === null)
      return failure({
        code: "device-missing",
        message: `the device ${node.hostPath ?? node.path} of ${devices.map(({ name }) => name).join(", ")} is not there`,
        hint: "load its driver, or make its CDI file anew",
      });
    nodes.push(attached);
  }
  const mounts = all(({ mounts }) => mounts).map((mount) => mountOf(tree, mount));
  const hooks = hooksOf(
    all(({ hooks }) => hooks),
    mounts,
  );
  return success({
    ...nothing,
    ...hooks,
    nodes,
    mounts: sorted(mounts),
    env: Object.fromEntries(
      all(({ env }) => env).map((text) => [
        text.slice(0, text.indexOf("=")),
        text.slice(text.indexOf("=") + 1),
      ]),
    ),
    groups: all(({ additionalGids }) => additionalGids).filter((id) => id !== 0),
  });
}

function unsupported(edits: readonly CdiEdits[], devices: readonly FoundDevice[]): EditRefusal | null {
  const names = devices.map(({ name }) => name).join(", ");
  const refuse = (what: string): EditRefusal => ({
    code: "cdi-unsupported",
    message: `${names} wants ${what}, which Pavlos does not give`,
    hint: "use another device of its kind, or take that part out of its CDI file",
  });
  if (edits.some(({ netDevices }) => (netDevices ?? []).length > 0))
    return refuse("a network interface (netDevices)");
  if (edits.some(({ intelRdt }) => intelRdt !== undefined)) return refuse("a class of Intel RDT (intelRdt)");
  return null;
}

/** Numbers that the file leaves out are the host's. */
function nodeOf(tree: DriverTree, node: CdiNode): AttachedNode | null {
  const source = node.hostPath ?? node.path;
  const status = tree.status(source);
  const there = status?.kind === "char" || status?.kind === "block" ? status : null;
  const type = node.type || (there?.kind === "block" ? "b" : "c");
  const [major, minor] = [node.major ?? there?.major, node.minor ?? there?.minor];
  if (major === undefined || minor === undefined) return null;
  return {
    type,
    path: node.path,
    ...(tree.root === "" && source === node.path ? {} : { source: join("/", tree.root, source) }),
    major,
    minor,
    fileMode: node.fileMode ?? (there === null ? 0o666 : there.mode & 0o777),
    uid: node.uid ?? there?.uid ?? 0,
    gid: node.gid ?? there?.gid ?? 0,
    access: accessOf(node),
  };
}

/** Without making nodes; `none` is a node that nobody may open. */
const accessOf = ({ permissions = "" }: CdiNode): string =>
  permissions === "none" ? "" : permissions.replace("m", "") || "rw";

function mountOf(tree: DriverTree, { hostPath, containerPath, type, options }: CdiMount): OciMount {
  const given = options ?? ["ro", "nosuid", "nodev", "rbind", "rprivate"];
  if (type !== undefined && type !== "" && type !== "bind" && type !== "none")
    return { destination: containerPath, type, source: hostPath, options: given };
  const bound = given.some((option) => option === "bind" || option === "rbind") ? given : ["rbind", ...given];
  return { destination: containerPath, type: "none", source: join("/", tree.root, hostPath), options: bound };
}

/** A mount above another one comes first. */
const sorted = (mounts: readonly OciMount[]): readonly OciMount[] =>
  mounts.toSorted((left, right) => depth(left) - depth(right));
const depth = ({ destination }: OciMount): number => destination.split("/").length;

function hooksOf(
  hooks: readonly CdiHook[],
  mounts: readonly OciMount[],
): Pick<Attachment, "links" | "loader" | "hooks"> {
  const known = hooks.map((hook) => ({ hook, known: knownHook(hook) }));
  const links = known.flatMap(({ known }) => (known?.kind === "links" ? known.links : []));
  const folders = known.flatMap(({ known }) => (known?.kind === "folders" ? known.folders : []));
  const inFolder = (folder: string) =>
    [...mounts.map(({ destination }) => destination), ...links.map(({ path }) => path)]
      .filter((path) => dirname(path) === folder)
      .map((path) => basename(path));
  return {
    links,
    loader: [...new Set(folders)].map((directory) => ({
      directory,
      names: [...new Set(inFolder(directory))].sort(),
    })),
    hooks: known.flatMap(({ hook, known: own }): readonly AttachedHook[] => {
      if (own !== null) return [];
      const { hookName, path, args, timeout } = hook;
      return [{ point: hookName, path, args: args ?? [path], ...(timeout === undefined ? {} : { timeout }) }];
    }),
  };
}
