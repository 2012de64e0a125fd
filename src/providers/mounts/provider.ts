import { join } from "node:path";
import type { Environment, Mount } from "../../model/environment.ts";
import { failure, type Result, success, unreachable } from "../../model/result.ts";
import type { Problem } from "../../model/source.ts";
import { volumePath } from "../../state/paths.ts";
import { attempt } from "../attempt.ts";
import type { Checked, Context, OciMount, Provider } from "../provider.ts";
import type { Tools } from "../tools.ts";
import { changeLive, obstacleTo } from "./live.ts";
import { observeMounts } from "./observe.ts";

/** Bind mounts, volumes and tmpfs of the file. */
export const makeMountsProvider = (tools: Tools): Provider => ({
  name: "mounts",
  fields: ["mounts"],
  async check(environments, context) {
    const problems = environments
      .filter((checked) => checked.changed)
      .flatMap((checked) => missingSources(tools, checked, context));
    return { problems, notices: [] };
  },
  observe: async (instances, { project }) =>
    observeMounts(tools.files, instances, (mount) => sourceOf(tools, project.id, mount)),
  prepare: (environment, context) => makeSources(tools, environment, context),
  async contribute(environment, context) {
    const missing = missingSources(tools, { environment }, context)[0];
    if (missing !== undefined) return failure(missing);
    return success({ mounts: environment.mounts.map((mount) => ociMount(tools, context.project.id, mount)) });
  },
  obstacle: (environment, _, container) => obstacleTo(tools, { environment, container }),
  async change(environment, fields, context, container) {
    const made = await makeSources(tools, environment, context);
    if (!made.ok) return made;
    const render = (mount: Mount): OciMount => ociMount(tools, context.project.id, mount);
    return await changeLive(tools, { environment, fields, container, context, render });
  },
});

function missingSources(
  { files }: Tools,
  { environment }: Pick<Checked, "environment">,
  context: Context,
): readonly Problem[] {
  return environment.mounts.flatMap((mount, index): readonly Problem[] => {
    if (mount.type !== "bind" || mount.create || files.status(mount.source) !== null) return [];
    return [
      {
        code: "mount-source-missing",
        message: `the mount source ${mount.source} does not exist`,
        place: context.place(environment.name, `mounts[${index}]`),
        hint: `mkdir -p ${mount.source}, or write the mount as a map with \`create: true\``,
      },
    ];
  });
}

/** Directories are made as the caller: it owns them inside and outside. */
function makeSources(
  { files, paths }: Tools,
  environment: Environment,
  context: Context,
): Promise<Result<void, Problem>> {
  return attempt(`a mount source of ${environment.name} cannot be made`, () => {
    for (const mount of environment.mounts) {
      if (mount.type === "volume")
        files.makeDirectory(volumePath(paths, context.project.id, mount.source), 0o755);
      if (mount.type === "bind" && mount.create && files.status(mount.source) === null)
        files.makeDirectory(mount.source, 0o755);
    }
  });
}

function sourceOf({ paths }: Tools, projectId: string, mount: Mount): string | null {
  if (mount.type === "tmpfs") return null;
  return mount.type === "bind" ? mount.source : volumePath(paths, projectId, mount.source);
}

function ociMount({ paths }: Tools, projectId: string, mount: Mount): OciMount {
  switch (mount.type) {
    case "bind":
      return bind(mount.source, mount.target, mount.readonly);
    case "volume":
      return bind(volumePath(paths, projectId, mount.source), mount.target, mount.readonly);
    case "tmpfs":
      return {
        destination: mount.target,
        type: "tmpfs",
        source: "tmpfs",
        options: [
          "nosuid",
          "nodev",
          "mode=1777",
          ...(mount.size === null ? [] : [`size=${mount.size}`]),
          ...(mount.readonly ? ["ro"] : []),
        ],
      };
    default:
      return unreachable(mount);
  }
}

/** Read-only means all of it, also what is mounted below the source. */
function bind(source: string, target: string, readonly: boolean): OciMount {
  const options = ["rbind", "rprivate", "nosuid", "nodev", ...(readonly ? ["rro"] : [])];
  return { destination: join("/", target), type: "none", source, options };
}
