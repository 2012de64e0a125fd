import type { Environment } from "../../../src/model/environment.ts";
import type { ProjectIdentity } from "../../../src/model/project.ts";
import type { Goal, Outcome, Prospect } from "../../../src/reconcile/api.ts";
import { foresee, reconcile } from "../../../src/reconcile/reconcile.ts";
import { project as demo, desired } from "./environments.ts";
import type { World } from "./world.ts";

export const toward = (environments: readonly Environment[], project: ProjectIdentity = demo): Goal => ({
  kind: "apply",
  desired: desired(environments, { project }),
  names: null,
});

export const apply = (world: World, environments: readonly Environment[]): Promise<Outcome> =>
  reconcile(world.machinery(), toward(environments), null);

export const look = (world: World, environments: readonly Environment[]): Promise<Prospect> =>
  foresee(world.machinery(), toward(environments));

/** An apply that is killed after so many effects; true: it came to its end before. */
export async function applyUntilKilled(
  world: World,
  environments: readonly Environment[],
  lifetime: number,
): Promise<boolean> {
  world.lifetime = lifetime;
  let ended = true;
  try {
    const outcome = await apply(world, environments);
    ended =
      outcome.kind === "nothing" ||
      (outcome.kind === "done" && outcome.results.every((result) => !result.failure));
  } catch {
    ended = false;
  }
  world.revive();
  return ended;
}

/** What of a world the user can tell apart: not pids, not what is written in a layer. */
export function visible(world: World) {
  const containers = [...world.containers.values()].map(({ id, held, spec }) => {
    // Nothing in a running container depends on these.
    const { labels: _1, profiles: _2, persist: _3, dependsOn: _4, ...rest } = spec;
    return [id, { held, spec: rest }] as const;
  });
  const layers = [...world.layers].map(([id, { rootfs }]) => [id, rootfs] as const);
  const records = [...world.files.texts].filter(([path]) => path.endsWith("record.json"));
  const directories = [...world.files.directories.keys()].filter((path) =>
    /^\/data\/environments\/[^/]+\/./.test(path),
  );
  return {
    containers: Object.fromEntries(containers.toSorted()),
    asides: [...world.asides.keys()],
    layers: Object.fromEntries(layers.toSorted()),
    records: Object.fromEntries(records.map(([path, text]) => [path, recordOf(text)])),
    directories: directories.toSorted(),
  };
}

function recordOf(text: string) {
  const { spec, stopped, pending, hooked, secretHashes } = JSON.parse(text);
  return { spec, stopped, pending, hooked, secretHashes };
}
