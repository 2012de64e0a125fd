import type { Environment, Rootfs } from "../../../model/environment.ts";
import type { Desired } from "../../../model/project.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Place, Places, Problem } from "../../../model/source.ts";
import type { LockFile, LockPath } from "../../../state/lock-file/lock-file.ts";
import { noConfig } from "../store/stack.ts";
import { withDefaults } from "./defaults.ts";
import { type ImageRoot, type Images, type Look, notThere } from "./images.ts";
import { shortName, sourceKind } from "./name.ts";

export interface Pinning {
  readonly images: Images;
  readonly lock: LockFile;
  /** By environment. */
  readonly mode: (environment: string) => PinMode;
  readonly signal: AbortSignal;
}

/**
 * lock: registries are asked for what the lock does not pin. update: for everything. store: for nothing; what
 * the store does not know stays unknown.
 */
export type PinMode = "lock" | "update" | "store";

/** What is pinned of a root, and where that is written. */
export const lockPathOf = ({ image, platform }: ImageRoot): LockPath => ["images", image, platform];

/**
 * Fills in what the names of images stand for, from the lock or, where it is silent, from their registries,
 * and the defaults that images bring along. What was looked up is set in the lock, which the caller saves
 * when he means it.
 */
export async function pinImages(
  desired: Desired,
  pinning: Pinning,
): Promise<Result<Desired, readonly Problem[]>> {
  const unusable = pinning.lock.problem();
  if (unusable !== null) return failure([unusable]);
  const cache = new Map<string, Promise<Result<string | null, Problem>>>();
  const results = await Promise.all(
    desired.environments.map((environment) =>
      pinOne(desired, environment, { ...pinning, cache, mode: pinning.mode(environment.name) }),
    ),
  );
  const problems = results.flatMap((result) => (result.ok ? [] : [result.failure]));
  if (problems.length > 0) return failure(unique(problems));
  const pinned = results.flatMap((result) => (result.ok ? [result.value] : []));
  return success({
    ...desired,
    environments: pinned.map(({ environment }) => environment),
    places: new Map(pinned.map(({ environment, places }) => [environment.name, places])),
    inherited: new Map(pinned.map(({ environment, inherited }) => [environment.name, inherited])),
    hints: new Map(pinned.map(({ environment, hints }) => [environment.name, hints])),
  });
}

interface Pinned {
  readonly environment: Environment;
  readonly places: Places;
  readonly inherited: ReadonlyMap<string, string>;
  readonly hints: readonly string[];
}

interface Cached extends Omit<Pinning, "mode"> {
  readonly mode: PinMode;
  /** By name and platform: environments that share an image ask once. */
  readonly cache: Map<string, Promise<Result<string | null, Problem>>>;
}

async function pinOne(
  desired: Desired,
  environment: Environment,
  pinning: Cached,
): Promise<Result<Pinned, Problem>> {
  const { rootfs, name } = environment;
  const places: Places = desired.places.get(name) ?? new Map();
  const image = imageOf(rootfs);
  if (image === null) return success({ ...withDefaults(environment, noConfig, places), places });
  const place = placeOf(desired, environment);
  const look: Look = { rootfs: image, signal: pinning.signal, place };
  const key = `${image.image} ${image.platform} ${image.pull} ${pinning.mode}`;
  const digest = await (pinning.cache.get(key) ?? remember(pinning.cache, key, digestFor(look, pinning)));
  if (!digest.ok) return failure({ ...digest.failure, place });
  const known: ImageRoot = { ...image, digest: digest.value };
  const config = await configFor({ ...look, rootfs: known }, pinning);
  if (!config.ok) return config;
  const lockPlace = pinning.lock.place(lockPathOf(image));
  const path = rootfs.kind === "build" ? "rootfs.from.digest" : "rootfs.digest";
  const both: Places = lockPlace === null ? places : new Map([...places, [path, lockPlace]]);
  const fixed = { ...environment, rootfs: rootfs.kind === "build" ? { ...rootfs, from: known } : known };
  return success({ ...withDefaults(fixed, config.value ?? noConfig, places), places: both });
}

/** The image that a root is, or that its steps begin with. */
function imageOf(rootfs: Rootfs): ImageRoot | null {
  if (rootfs.kind === "build") return imageOf(rootfs.from);
  return rootfs.kind === "image" ? rootfs : null;
}

/** Where the file names the image. */
function placeOf(desired: Desired, { name, rootfs }: Environment): Place | null {
  const places: Places = desired.places.get(name) ?? new Map();
  const path = rootfs.kind === "build" ? "rootfs.from" : "rootfs";
  return places.get(`${path}.image`) ?? places.get(path) ?? desired.origin.get(name) ?? null;
}

function remember<T>(cache: Map<string, Promise<T>>, key: string, value: Promise<T>): Promise<T> {
  cache.set(key, value);
  return value;
}

/** Null: unknown, where nobody may be asked. */
async function digestFor(look: Look, pinning: Cached): Promise<Result<string | null, Problem>> {
  const { images, lock, mode } = pinning;
  const { rootfs } = look;
  const path = lockPathOf(rootfs);
  const pinned = lock.get(path);
  const locked = typeof pinned === "string" ? pinned : null;
  if (mode === "store") return success(locked ?? images.storedDigest(rootfs));
  const source = sourceKind(rootfs.image);
  if (source !== null && source !== "simplestreams") return await digestNow(look, images);
  if (locked !== null && mode === "lock" && rootfs.pull !== "always") return success(locked);
  if (rootfs.pull === "never") {
    const stored = locked ?? images.storedDigest(rootfs);
    return stored === null ? failure(notThere(rootfs, look.place)) : success(stored);
  }
  if (locked === null && lock.frozen()) return failure(notPinned(rootfs, look.place));
  const found = await digestNow(look, images);
  if (!found.ok) return found;
  const digest = found.value;
  if (lock.frozen() && locked !== null && locked !== digest)
    return failure(moved(rootfs, look.place, { locked, digest }));
  lock.set(path, digest);
  return success(digest);
}

/**
 * What the name stands for now. That is all for an image on this disk: looking is cheap, it changes by the
 * user's own hand, and its path is nothing for a lock that others share.
 */
async function digestNow({ rootfs, ...look }: Look, images: Images): Promise<Result<string, Problem>> {
  const described = await images.lookUp({ ...look, rootfs: { ...rootfs, digest: null } });
  return described.ok ? success(described.value.digest) : described;
}

/** Null: nobody knows, and nobody may be asked. */
async function configFor(look: Look, { images, mode }: Cached) {
  if (look.rootfs.digest === null) return success(null);
  const known = images.knownConfig(look.rootfs);
  return known !== null || mode === "store" ? success(known) : await images.configOf(look);
}

const notPinned = ({ image, platform }: ImageRoot, place: Place | null): Problem => ({
  code: "lock-mismatch",
  message: `pavlos.lock does not pin ${shortName(image)} for ${platform}, and --frozen forbids to look it up`,
  place,
  hint: "run the command without --frozen, and commit pavlos.lock",
});

const moved = (
  { image }: ImageRoot,
  place: Place | null,
  { locked, digest }: { readonly locked: string; readonly digest: string },
): Problem => ({
  code: "lock-mismatch",
  message: `${shortName(image)} is ${digest} now, pavlos.lock has ${locked}, and --frozen forbids to change it`,
  place,
  hint: "run `pavlos update`, look at `pavlos diff`, and commit pavlos.lock",
});

function unique(problems: readonly Problem[]): readonly Problem[] {
  return [...new Map(problems.map((problem) => [JSON.stringify(problem), problem])).values()];
}
