import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** An image in the making: an OCI layout on the disk, layers bottom first. */
export interface Layout {
  /** Adds a layer from a directory: all of it, names as they are. */
  readonly directory: (path: string) => void;
  /** Adds a layer of exactly these entries (absolute paths below `root`), not what is in them. */
  readonly files: (paths: readonly string[], root?: string) => void;
  /** Adds a tar stream as it is. */
  readonly tar: (bytes: Buffer) => void;
  /** Writes manifest and index under this tag; gives the manifest's digest. */
  readonly finish: (tag: string) => string;
}

/** Begins a layout in a new directory. Its files can be read by everybody. */
export function layout(path: string): Layout {
  mkdirSync(join(path, "blobs/sha256"), { recursive: true });
  writeFileSync(join(path, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const layers: Descriptor[] = [];
  const diffIds: string[] = [];
  const tar = (bytes: Buffer) => {
    diffIds.push(`sha256:${sha256(bytes)}`);
    const type = "application/vnd.oci.image.layer.v1.tar+gzip";
    layers.push(blob(path, gzipSync(bytes, { level: 1 }), type));
  };
  return {
    tar,
    directory: (from) => tar(packed(["-C", from, "."], "")),
    files: (paths, root = "/") =>
      tar(
        packed(
          ["-C", root, "--no-recursion", "--null", "-T", "-"],
          paths.map((file) => `${file.slice(1)}\0`).join(""),
        ),
      ),
    finish: (tag) => finish(path, { tag, layers, diffIds }),
  };
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Parts {
  readonly tag: string;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly string[];
}

function finish(path: string, { tag, layers, diffIds }: Parts): string {
  const architecture = process.arch === "x64" ? "amd64" : process.arch;
  const config = json(
    path,
    {
      architecture,
      os: "linux",
      config: { Cmd: ["/bin/sh"] },
      rootfs: { type: "layers", diff_ids: diffIds },
    },
    "application/vnd.oci.image.config.v1+json",
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const manifest = json(path, { schemaVersion: 2, mediaType, config, layers }, mediaType);
  const named = { ...manifest, annotations: { "org.opencontainers.image.ref.name": tag } };
  writeFileSync(join(path, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [named] }));
  execFileSync("chmod", ["-R", "a+rX", path]);
  return manifest.digest;
}

const packed = (args: readonly string[], input: string): Buffer =>
  execFileSync(
    "tar",
    ["--format=pax", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--sort=name", "-cf", "-", ...args],
    { input, maxBuffer: 2 ** 31 - 1, stdio: ["pipe", "pipe", "ignore"] },
  );

const json = (path: string, value: object, mediaType: string): Descriptor =>
  blob(path, Buffer.from(JSON.stringify(value)), mediaType);

function blob(path: string, bytes: Buffer, mediaType: string): Descriptor {
  const hex = sha256(bytes);
  writeFileSync(join(path, "blobs/sha256", hex), bytes);
  return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
}

const sha256 = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Files of installed Debian packages below /usr and /etc, as dpkg lists them: packages by size, small first. */
export function installedPackages(): readonly { readonly name: string; readonly files: readonly string[] }[] {
  const listed = execFileSync("dpkg-query", ["-W", "-f", "${Installed-Size} ${binary:Package}\n"], {
    encoding: "utf8",
  });
  const names = listed
    .trim()
    .split("\n")
    .map((line) => line.split(" "))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name = ""]) => name);
  return names.map((name) => ({ name, files: filesOf(name) })).filter(({ files }) => files.length > 0);
}

function filesOf(name: string): readonly string[] {
  const list = `/var/lib/dpkg/info/${name}.list`;
  const text = [list, list.replace(/:[a-z0-9]+\.list$/, ".list")]
    .map(readOrNull)
    .find((found) => found !== null);
  const paths = (text ?? "").split("\n").filter((path) => /^\/(usr|etc)\//.test(path));
  const there = paths.filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined);
  return there.length === 0 ? [] : ["/etc", "/usr", ...there].sort();
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
