import { parseMountinfo } from "../../host/mountinfo.ts";
import { trees } from "../../host/trees.ts";
import type { Problem } from "../../model/source.ts";
import type { Checked, Context } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { unsupportedUpper } from "./host-layout.ts";

/** Are the roots there? Only of environments that are new or changed: the others run already. */
export async function checkRoots(tools: Tools, environments: readonly Checked[], context: Context) {
  const changed = environments.filter((checked) => checked.changed);
  const problems = changed.flatMap((checked) => [
    ...wrongRoot(checked, context),
    ...noLayer(tools, checked, context),
  ]);
  return { problems, notices: [] };
}

/** A root that is not the host's has no other way to be writable than a layer in the data directory. */
function noLayer(
  { paths }: Tools,
  { environment: { name, rootfs } }: Checked,
  context: Context,
): readonly Problem[] {
  if (rootfs.kind === "host" || (rootfs.kind === "path" && rootfs.mode === "direct")) return [];
  const mounts = parseMountinfo(trees.readThrough("/proc/self/mountinfo") ?? "");
  const type = unsupportedUpper(mounts, paths.data);
  if (type === null) return [];
  return [
    {
      code: "layers-unsupported",
      message: `${paths.data} is on ${type}, which cannot hold the writable layer of ${name}`,
      place: context.place(name, "rootfs"),
      hint: "set PAVLOS_HOME to a directory on ext4, xfs, btrfs or tmpfs; or use a directory with `mode: direct`",
    },
  ];
}

function wrongRoot({ environment: { name, rootfs } }: Checked, context: Context): readonly Problem[] {
  if (rootfs.kind !== "path" && rootfs.kind !== "archive") return [];
  const path = rootfs.kind === "path" ? rootfs.path : rootfs.archive;
  if (path.startsWith("https://") || path.startsWith("http://")) return [];
  const wrong = (code: string, message: string, hint: string): readonly Problem[] => [
    { code, message, hint, place: context.place(name, `rootfs.${rootfs.kind}`) },
  ];
  const real = trees.realPath(path);
  if (real === null)
    return wrong(
      "rootfs-missing",
      `the root filesystem ${path} does not exist`,
      "correct the path, or make it",
    );
  if (rootfs.kind === "path" && !trees.isDirectory(real))
    return wrong(
      "rootfs-not-a-directory",
      `the root filesystem ${path} is not a directory`,
      "use `archive:` for a file",
    );
  if (rootfs.kind === "archive" && trees.isDirectory(real))
    return wrong(
      "archive-is-a-directory",
      `the archive ${path} is a directory`,
      "use `path:` for a directory",
    );
  return [];
}
