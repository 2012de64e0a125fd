import { ImageFailure } from "./failure.ts";
import type { Descriptor } from "./manifest.ts";

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  /** "v7"; "" when not said. */
  readonly variant: string;
}

/** From JSON; null: nothing that could be a platform. */
export function platformOf(value: unknown): Platform | null {
  if (typeof value !== "object" || value === null) return null;
  const { os, architecture, variant } = value as Readonly<Record<string, unknown>>;
  if (typeof os !== "string" || typeof architecture !== "string") return null;
  return { os, architecture, variant: typeof variant === "string" ? variant : "" };
}

/** From "linux/arm64/v8". */
export function parsePlatform(text: string): Platform {
  const [os = "", architecture = "", variant = ""] = text.split("/");
  return { os, architecture, variant };
}

export const printPlatform = ({ os, architecture, variant }: Platform): string =>
  [os, architecture, ...(variant === "" ? [] : [variant])].join("/");

/**
 * The entries of an index that fit, best first: the same variant, then one without, then lower ones of
 * arm, which run on a higher. Entries without a platform come last, their own description decides.
 */
export function candidates(entries: readonly Descriptor[], wanted: Platform): readonly Descriptor[] {
  return entries
    .filter((entry) => !isAttestation(entry))
    .map((entry) => ({ entry, rank: rankOf(entry.platform, wanted) }))
    .filter(({ rank }) => rank !== null)
    .sort((left, right) => (left.rank ?? 0) - (right.rank ?? 0))
    .map(({ entry }) => entry);
}

/** Signatures and build records that lie in an index as if they were images. */
export const isAttestation = ({ platform, annotations }: Descriptor): boolean =>
  (platform?.os === "unknown" && platform.architecture === "unknown") ||
  annotations["vnd.docker.reference.type"] === "attestation-manifest";

/** Null: does not run. */
export function rankOf(offered: Platform | null, wanted: Platform): number | null {
  if (offered === null) return 1000;
  if (offered.os !== wanted.os || offered.architecture !== wanted.architecture) return null;
  const [has, wants] = [variantOf(offered), variantOf(wanted)];
  if (has === wants) return 0;
  if (wanted.architecture !== "arm" && wanted.architecture !== "arm64") return has === "" ? 1 : null;
  const [hasLevel, wantsLevel] = [levelOf(has), levelOf(wants)];
  return hasLevel <= wantsLevel ? 1 + wantsLevel - hasLevel : null;
}

/** What a platform means when it says no variant: arm64 is v8, arm is v7, amd64 is v1. */
function variantOf({ architecture, variant }: Platform): string {
  if (variant !== "") return architecture === "amd64" && variant === "v1" ? "" : variant;
  return architecture === "arm64" ? "v8" : architecture === "arm" ? "v7" : "";
}

const levelOf = (variant: string): number => Number(/^v(\d+)/.exec(variant)?.[1] ?? 0);

export function noPlatform(what: string, wanted: Platform, entries: readonly Platform[]): ImageFailure {
  const there = [...new Set(entries.map(printPlatform))];
  return new ImageFailure({
    code: "image-platform",
    message: `${what} is not there for ${printPlatform(wanted)}`,
    ...(there.length === 0 ? {} : { expected: there.join(", ") }),
    hint:
      there.length === 0
        ? "use another tag"
        : "choose another tag, or set rootfs.platform to one that this machine can run",
  });
}
