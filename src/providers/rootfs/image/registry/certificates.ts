import { join } from "node:path";
import type { MirrorOptions } from "./mirrors.ts";

/** What this machine says about the certificates of one host; PEM. */
export interface Certificates {
  /** Authorities besides the machine's. */
  readonly ca: readonly string[];
  /** For servers that want one from whoever asks. */
  readonly own: { readonly cert: string; readonly key: string } | null;
}

/**
 * As docker and podman have it: the first `certs.d/HOST[:PORT]` that there is, with authorities in `*.crt`, and
 * an own certificate in `*.cert` with its `*.key`. Null: nothing is said about this host.
 */
export function certificatesOf(options: MirrorOptions, host: string): Certificates | null {
  for (const directory of directories(options)) {
    const place = join(directory, host);
    const names = options.list(place).toSorted();
    if (names.length === 0) continue;
    const read = (name: string): string => options.readText(join(place, name)) ?? "";
    const cert = names.find((name) => name.endsWith(".cert"));
    const key = cert?.replace(/cert$/, "key") ?? "";
    return {
      ca: names.filter((name) => name.endsWith(".crt")).map(read),
      own: cert !== undefined && names.includes(key) ? { cert: read(cert), key: read(key) } : null,
    };
  }
  return null;
}

const directories = ({ env, home }: MirrorOptions): readonly string[] => {
  const own = env.XDG_CONFIG_HOME || join(home, ".config");
  return [
    join(own, "containers/certs.d"),
    join(own, "docker/certs.d"),
    "/etc/containers/certs.d",
    "/etc/docker/certs.d",
  ];
};
