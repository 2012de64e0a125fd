import { readFileSync } from "node:fs";
import { type Image, type ImageOptions, image } from "../../support/oci.ts";
import type { TarEntry } from "../../support/tar.ts";
import { applets, busybox } from "./roots.ts";

/** A root that runs: busybox with its links. */
export function busyboxLayer(): TarEntry[] {
  const directories = ["bin", "dev", "proc", "sys", "tmp", "etc", "root", "var", "var/tmp", "usr", "usr/bin"];
  return [
    ...directories.map((path) => ({
      path: `${path}/`,
      type: "directory" as const,
      ...(path === "tmp" ? { mode: 0o1777 } : {}),
    })),
    { path: "bin/busybox", content: readFileSync(busybox()), mode: 0o755 },
    ...applets.map((name) => ({ path: `bin/${name}`, type: "symlink" as const, target: "busybox" })),
    { path: "etc/passwd", content: "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n" },
    { path: "etc/group", content: "root:x:0:\nnogroup:x:65534:\n" },
    { path: "etc/removed", content: "below\n" },
  ];
}

/** Two layers: the upper removes a file of the lower and says what it is. */
export const busyboxImage = (version: string, more: Partial<ImageOptions> = {}): Image =>
  image({
    layers: [
      busyboxLayer(),
      [
        { path: "etc/.wh.removed", content: "" },
        { path: "etc/version", content: `${version}\n` },
      ],
    ],
    ...more,
  });
