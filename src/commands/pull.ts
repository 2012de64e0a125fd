import { hostPlatform } from "../config/image.ts";
import { parseImageName, printImageName } from "../config/image-name.ts";
import { problemWithoutPlace } from "../config/problem.ts";
import { failure, type Result, success } from "../model/result.ts";
import type { Place as FilePlace, Problem } from "../model/source.ts";
import type { ImageRoot, Images } from "../providers/rootfs/image/images.ts";
import { pullRow } from "../ui/pull.ts";
import { approximateBytes, shortImage } from "../ui/values.ts";
import { exitCodes, type Invocation, textOption, type Verb } from "./invocation.ts";
import {
  makeStateDirectories,
  openPlace,
  openProject,
  openRegistry,
  type Place,
  saveLock,
} from "./session.ts";

/**
 * `pavlos pull [NAMES...]`: the images of environments, as pinned; or images by their own names, which
 * nothing pins. A name that an environment has is the environment's.
 */
export const pull: Verb = async (invocation) => {
  const place = openPlace();
  if (!place.ok) return place;
  const wanted = await wantedBy(invocation, place.value);
  if (!wanted.ok) return wanted;
  const registry = await openRegistry(place.value);
  if (!registry.ok) return registry;
  makeStateDirectories(place.value);
  const outcomes: Outcome[] = [];
  for (const one of wanted.value) outcomes.push(await pullOne(invocation, registry.value.images, one));
  const problems = outcomes.flatMap(({ problem }) => problem ?? []);
  if (problems.length > 0) return failure(problems);
  if (invocation.globals.json) {
    const images = outcomes.map(({ wanted: { rootfs }, digest, bytes }) => ({
      image: rootfs.image,
      platform: rootfs.platform,
      digest,
      bytes,
    }));
    invocation.terminal.out(JSON.stringify({ version: 1, images }, null, 2));
  }
  return success(exitCodes.fine);
};

interface Wanted {
  readonly rootfs: ImageRoot;
  readonly place: FilePlace | null;
}

interface Outcome {
  readonly wanted: Wanted;
  readonly digest: string | null;
  /** That were fetched. */
  readonly bytes: number;
  readonly problem?: Problem;
}

async function wantedBy(
  invocation: Invocation,
  place: Place,
): Promise<Result<readonly Wanted[], readonly Problem[]>> {
  const { args } = invocation;
  const project = await openProject(invocation, "lookUp");
  const none = !project.ok && project.failure.every(({ code }) => code === "no-configuration");
  if (!project.ok && !(none && args.length > 0)) return project;
  const desired = project.ok ? project.value.desired : null;
  const environments = desired?.environments ?? [];
  const found = new Map<string, Wanted>();
  for (const { name, rootfs } of environments) {
    if (rootfs.kind !== "image" || (args.length > 0 && !args.includes(name))) continue;
    const at = desired?.places.get(name)?.get("rootfs.image") ?? desired?.origin.get(name) ?? null;
    found.set(`${rootfs.image} ${rootfs.platform}`, { rootfs, place: at });
  }
  const platform = textOption(invocation, "platform") ?? hostPlatform(place.host.arch);
  for (const arg of args.filter((name) => !environments.some((one) => one.name === name))) {
    const name = parseImageName(arg);
    if (!name.ok) return failure([problemWithoutPlace(name.failure)]);
    const image = printImageName(name.value);
    const rootfs = {
      kind: "image",
      image,
      platform,
      pull: "missing",
      insecure: false,
      digest: null,
    } as const;
    found.set(`${image} ${platform}`, { rootfs, place: null });
  }
  if (project.ok) {
    const saved = await saveLock(project.value);
    if (!saved.ok) return saved;
  }
  return success([...found.values()]);
}

async function pullOne(invocation: Invocation, images: Images, wanted: Wanted): Promise<Outcome> {
  const { terminal, globals, interruption } = invocation;
  const { image } = wanted.rootfs;
  const look = { ...wanted, signal: interruption() };
  const name = shortImage(image);
  const row = pullRow(terminal, name, { quiet: globals.quiet || globals.json });
  let bytes = 0;
  const known = wanted.rootfs.digest;
  const found = known === null ? await images.lookUp(look) : success({ digest: known });
  if (!found.ok) return { wanted, digest: null, bytes, problem: found.failure };
  const { digest } = found.value;
  const done = await images.pull({ ...look, rootfs: { ...wanted.rootfs, digest } }, (layers) => {
    const sum = (of: "done" | "total"): number => layers.reduce((all, layer) => all + layer[of], 0);
    bytes = sum("done");
    row.progress({
      kind: "progress",
      environment: name,
      what: "pulling",
      done: bytes,
      total: sum("total"),
      parts: layers,
    });
  });
  if (!done.ok) return { wanted, digest, bytes, problem: done.failure };
  row.done(`${name}  ${digest}  ${bytes === 0 ? "was there" : `${approximateBytes(bytes)} fetched`}`);
  return { wanted, digest, bytes };
}
