import { trees } from "../../host/trees.ts";
import type { Problem } from "../../model/source.ts";
import type { Checked, Context } from "../provider.ts";
import type { Tools } from "../tools.ts";

/** Are the roots there? Only of environments that are new or changed: the others run already. */
export async function checkRoots(_tools: Tools, environments: readonly Checked[], context: Context) {
  const problems = environments
    .filter((checked) => checked.changed)
    .flatMap((checked) => wrongRoot(checked, context));
  return { problems, notices: [] };
}

function wrongRoot({ environment: { name, rootfs } }: Checked, context: Context): readonly Problem[] {
  if (rootfs.kind === "host") return [];
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
