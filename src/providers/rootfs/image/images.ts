import { usePart } from "../../../host/parts.ts";
import { trees } from "../../../host/trees.ts";
import type { Environment, Rootfs } from "../../../model/environment.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Place, Problem } from "../../../model/source.ts";
import type { Tools } from "../../tools.ts";
import type { StackSource } from "../source.ts";
import { imageStack, listImages, readImage } from "../store/images.ts";
import { leaseLayers } from "../store/leases.ts";
import type { ImageConfig, Stack } from "../store/stack.ts";
import { type Described, describe } from "./describe.ts";
import { problemOfFailure } from "./failure.ts";
import { shortName, sourceKind } from "./name.ts";
import type { Surroundings } from "./open.ts";
import type { Pull } from "./pull.ts";
import type { ImageSource } from "./source.ts";
import { waiter } from "./waiter.ts";

export type ImageRoot = Extract<Rootfs, { kind: "image" }>;

/** Which image, and for whom. */
export interface Look {
  readonly rootfs: ImageRoot;
  readonly signal: AbortSignal;
  /** Of problems: where the file asks for it. */
  readonly place: Place | null;
}

/** Images: what their names stand for, what they say of themselves, and their layers. */
/** Tools, and how to wait. */
type Patient = Tools & { readonly wait: Waiter };

export interface Images extends StackSource<ImageRoot> {
  /** What the name stands for now; asks the registry. */
  readonly lookUp: (look: Look) => Promise<Result<Described, Problem>>;
  /** Of the image with the digest in `rootfs`: from the store, else from the registry. */
  readonly configOf: (look: Look) => Promise<Result<ImageConfig, Problem>>;
  /** The same from the store alone; null: it is not there. */
  readonly knownConfig: (rootfs: ImageRoot) => ImageConfig | null;
  /** Digest under which the store has the name; null: it has not. */
  readonly storedDigest: (rootfs: ImageRoot) => string | null;
  /** Its layers, in the store. */
  readonly pull: (look: Look, progress: Pull["progress"]) => Promise<Result<Stack, Problem>>;
}

/** How one waits before another try; until interrupted. */
export type Waiter = (signal: AbortSignal) => (milliseconds: number) => Promise<void>;

export function makeImages(machine: Tools, wait: Waiter = waiter): Images {
  const tools: Patient = { ...machine, wait };
  /** What was described in this run: an apply that looked a name up does not ask for it again. */
  const known = new Map<string, Described>();
  const running = new Map<string, Promise<Result<Stack, Problem>>>();

  const describeNow = async (look: Look, which: string | null): Promise<Result<Described, Problem>> => {
    const described = await withSource(tools, look, (source) =>
      describe(source, which, look.rootfs.platform),
    );
    if (described.ok) known.set(described.value.digest, described.value);
    return described;
  };

  const byDigest = async (look: Look): Promise<Result<Described, Problem>> => {
    const { digest } = look.rootfs;
    const there = digest === null ? undefined : known.get(digest);
    return there === undefined ? describeNow(look, digest) : success(there);
  };

  const pullOnce = (look: Look, progress: Pull["progress"]): Promise<Result<Stack, Problem>> => {
    const { image, platform, digest } = look.rootfs;
    const key = digest ?? `${image} ${platform}`;
    const there = running.get(key);
    if (there !== undefined) return there;
    const work = pullNow(tools, look, { describe: byDigest, progress }).finally(() => running.delete(key));
    running.set(key, work);
    return work;
  };

  return {
    lookUp: (look) => describeNow(look, null),
    async configOf(look) {
      const stored = storedRecord(tools, look.rootfs)?.config;
      if (stored !== undefined) return success(stored);
      const described = await byDigest(look);
      return described.ok ? success(described.value.config) : described;
    },
    knownConfig: (rootfs) => storedRecord(tools, rootfs)?.config ?? null,
    storedDigest: ({ image, platform }) =>
      listImages(tools).find((record) => record.reference === image && record.platform === platform)
        ?.digest ?? null,
    pull: pullOnce,
    resolve: ({ rootfs }) => storedStack(tools, rootfs),
    ensure: ({ rootfs, environment, context }) =>
      pullOnce(
        { rootfs, signal: context.signal, place: context.place(environment.name, pathIn(environment)) },
        (layers) => context.report(progressEvent(environment.name, layers)),
      ),
  };
}

/** Where the file names the image. */
const pathIn = ({ rootfs }: Environment): string =>
  rootfs.kind === "build" ? "rootfs.from" : "rootfs.image";

function progressEvent(environment: string, layers: Parameters<Pull["progress"]>[0]) {
  const sum = (of: "done" | "total"): number => layers.reduce((all, layer) => all + layer[of], 0);
  const [done, total] = [sum("done"), sum("total")];
  return { kind: "progress" as const, environment, what: "pulling", done, total, parts: layers };
}

const storedRecord = (tools: Tools, { digest }: ImageRoot) =>
  digest === null ? null : readImage(tools, digest);

/** Leased before it is looked for: gc looks at the leases after it has moved something away. */
function storedStack(tools: Tools, rootfs: ImageRoot): Stack | null {
  const record = storedRecord(tools, rootfs);
  if (record === null) return null;
  usePart("images");
  leaseLayers(tools, record.layers);
  return imageStack(tools, record);
}

interface Ways {
  readonly describe: (look: Look) => Promise<Result<Described, Problem>>;
  readonly progress: Pull["progress"];
}

async function pullNow(tools: Patient, look: Look, ways: Ways): Promise<Result<Stack, Problem>> {
  const { rootfs, place, signal } = look;
  const stored = storedStack(tools, rootfs);
  const trusted = await trustedBefore(tools, look);
  if (!trusted.ok) return trusted;
  if (stored !== null && trusted.value) return success(stored);
  if (stored === null && rootfs.pull === "never" && sourceKind(rootfs.image) === null)
    return failure(notThere(rootfs, place));
  const described = await ways.describe(look);
  if (!described.ok) return described;
  const good = await ensureTrust(tools, look, described.value.digest);
  if (!good.ok) return good;
  if (stored !== null) return success(stored);
  const { pull } = await import("./pull.ts");
  const done = await withSource(tools, look, (source) =>
    pull(tools, {
      source,
      described: described.value,
      reference: rootfs.image,
      platform: rootfs.platform,
      signal,
      place,
      progress: ways.progress,
      sleep: tools.wait(signal),
    }),
  );
  return done.ok ? done.value : done;
}

/** Nothing of an image is fetched before its signature was found good. */
function ensureTrust(tools: Patient, look: Look, digest: string): Promise<Result<void, Problem>> {
  const { rootfs } = look;
  if (rootfs.verify === undefined) return Promise.resolve(success(undefined));
  return withSource(tools, look, async (source, open) => {
    const { trust } = await import("./trust.ts");
    await trust(tools, { rootfs, digest, source, open });
  });
}

/** Was it verified with these keys when it came, or later? True when none are asked for. */
async function trustedBefore(tools: Tools, { rootfs, place }: Look): Promise<Result<boolean, Problem>> {
  if (rootfs.verify === undefined) return success(true);
  const { isTrusted } = await import("./trust.ts");
  try {
    return success(isTrusted(tools, rootfs, rootfs.digest ?? ""));
  } catch (error) {
    return failure(problemOfFailure(error, place));
  }
}

/** It is not in the store, and nothing may be fetched. */
export const notThere = ({ image, platform }: ImageRoot, place: Place | null): Problem => ({
  code: "image-not-stored",
  message: `${shortName(image)} (${platform}) is not in the store, and \`pull: never\` forbids to fetch it`,
  place,
  hint: `fetch it once with \`pavlos pull ${shortName(image)}\`, or set \`pull: missing\``,
});

/** Opens the source, works with it, closes it; failures become problems. */
async function withSource<T>(
  tools: Patient,
  { rootfs, signal, place }: Look,
  work: (source: ImageSource, open: (image: string) => Promise<ImageSource>) => Promise<T>,
): Promise<Result<T, Problem>> {
  let source: ImageSource | null = null;
  try {
    const { openSource } = await import("./open.ts");
    const surroundings = { ...surroundingsOf(tools), signal, sleep: tools.wait(signal) };
    const open = (image: string) => openSource({ image, insecure: rootfs.insecure, surroundings });
    source = await open(rootfs.image);
    return success(await work(source, open));
  } catch (error) {
    if (signal.aborted) return failure(interrupted(rootfs, place));
    return failure(problemOfFailure(error, place));
  } finally {
    await source?.close();
  }
}

const surroundingsOf = ({ env, host }: Tools): Omit<Surroundings, "signal" | "sleep"> => ({
  env,
  home: host.caller.home,
  uid: host.caller.uid,
  readText: trees.readThrough,
  list: trees.list,
  now: () => performance.now(),
});

const interrupted = ({ image }: ImageRoot, place: Place | null): Problem => ({
  code: "interrupted",
  message: `interrupted while ${shortName(image)} was fetched`,
  place,
  hint: "run the command again",
});
