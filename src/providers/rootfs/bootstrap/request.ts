import { createHash } from "node:crypto";
import type { Bootstrap } from "../../../model/build.ts";
import type { LayerId } from "../store/layers.ts";

/** Another way of making them makes other layers. */
const version = 1;

/** Hex; names what was asked for: two equal requests are one layer, until an update. */
export function bootstrapKey(request: Bootstrap, arch: string): string {
  const { suite, variant, packages, mirror } = request;
  const text = JSON.stringify([version, arch, suite, variant, packages.toSorted(), mirror]);
  return createHash("sha256").update(text).digest("hex");
}

/** Names what an update installed: the same versions are the same on every machine. */
export const generationOf = (packages: BootstrapInfo["packages"]): string =>
  createHash("sha256").update(JSON.stringify(packages)).digest("hex").slice(0, 16);

/** Of the request as an update installed it. */
export const generatedKey = (key: string, generation: string): string =>
  createHash("sha256").update(`${key} ${generation}`).digest("hex");

/** How the lock calls it: "bookworm minbase x64 curl git". */
export const bootstrapName = ({ suite, variant, packages, mirror }: Bootstrap, arch: string): string =>
  [suite, variant, arch, ...packages.toSorted(), ...(mirror === null ? [] : [`from ${mirror}`])].join(" ");

export const bootstrapLayer = (key: string): LayerId => `bootstrap-${key}`;

/** What was installed, as it is kept beside the layer and in the lock. */
export interface BootstrapInfo {
  readonly suite: string;
  /** What the root calls itself: "Debian GNU/Linux 12 (bookworm)". */
  readonly release: string;
  /** Hex SHA-256 of the archive's release files, sorted. */
  readonly releases: readonly string[];
  /** Version by package, sorted. */
  readonly packages: Readonly<Record<string, string>>;
  /** ISO 8601. */
  readonly madeAt: string;
}

/** Versions out of dpkg's status file. */
export function installedPackages(status: string): Readonly<Record<string, string>> {
  const found: [string, string][] = [];
  for (const paragraph of status.split("\n\n")) {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(paragraph)?.[1];
    const [name, packageVersion] = [field("Package"), field("Version")];
    if (name !== undefined && packageVersion !== undefined && field("Status")?.endsWith(" installed"))
      found.push([name, packageVersion]);
  }
  return Object.fromEntries(found.sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** PRETTY_NAME of os-release. */
export const releaseName = (osRelease: string): string =>
  /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? "";
