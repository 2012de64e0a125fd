import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { LocalRegistry } from "./registry.ts";

export interface PulledImage {
  readonly name: string;
  readonly layers: number;
  readonly entries: number;
}

export interface ImageShape {
  readonly name: string;
  readonly layers: number;
  /** Bytes of the compressed layers together, about. */
  readonly size: number;
}

/** Real files shrink to about this much of their size. */
const ratio = 0.37;

/** Puts an image of this machine's /usr (as often as it takes) into the registry. */
export function makeImage(registry: LocalRegistry, { name, layers, size }: ImageShape): PulledImage {
  const slices = slice(Math.ceil(size / ratio), layers);
  const made = slices.map((files, index) => makeLayer(registry.directory, `layer-${index}`, files));
  publish(registry, name, made);
  return { name, layers: made.length, entries: slices.reduce((sum, { paths }) => sum + paths.length, 0) };
}

/** An image of a directory, and further layers with a file each. */
export function makeSmallImage(
  registry: LocalRegistry,
  { name, root, layers }: { readonly name: string; readonly root: string; readonly layers: number },
): void {
  const made = Array.from({ length: layers }, (_, index) => {
    const path = join(registry.directory, `layer-${index}`);
    const file = `${path}.d/var-${index}`;
    if (index > 0) mkdirSync(`${path}.d`, { recursive: true });
    if (index > 0) writeFileSync(file, `${index}\n`);
    return packLayer(path, [`tar -C '${index === 0 ? root : `${path}.d`}' -cf '${path}.tar' .`]);
  });
  publish(registry, name, made);
}

/** Puts layers with a configuration and a manifest into the registry. */
function publish(registry: LocalRegistry, name: string, made: readonly Layer[]): void {
  for (const { path, digest } of made) {
    registry.putBlob(`bench/${name}`, digest, path);
    rmSync(path, { force: true });
  }
  const config = JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    config: {},
    rootfs: { type: "layers", diff_ids: made.map(({ diffId }) => diffId) },
  });
  const file = join(registry.directory, "config.json");
  writeFileSync(file, config);
  registry.putBlob(`bench/${name}`, digestOf(config), file);
  const manifest = {
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: descriptor("config.v1+json", digestOf(config), config.length),
    layers: made.map(({ digest, bytes }) => descriptor("layer.v1.tar+gzip", digest, bytes)),
  };
  registry.putManifest(`bench/${name}`, "1", JSON.stringify(manifest));
}

const digestOf = (text: string): string => `sha256:${createHash("sha256").update(text).digest("hex")}`;

const descriptor = (kind: string, digest: string, size: number) => ({
  mediaType: `application/vnd.oci.image.${kind}`,
  digest,
  size,
});

interface Slice {
  /** Directory in the image that stands for /. */
  readonly prefix: string;
  readonly paths: readonly string[];
}

/** Files of /usr in as many parts as there are layers, each below a directory of its own. */
function slice(bytes: number, layers: number): readonly Slice[] {
  const files = [...walk("/usr")];
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const share = bytes / layers;
  const slices: Slice[] = [];
  let [paths, filled]: [string[], number] = [[], 0];
  for (let copy = 0; slices.length < layers; copy++) {
    for (const { path, size } of files) {
      paths.push(path);
      filled += size;
      if (filled < Math.min(share, total)) continue;
      slices.push({ prefix: `part-${slices.length}-${copy}`, paths });
      [paths, filled] = [[], 0];
      if (slices.length === layers) break;
    }
    // More than all files go into one layer: the next copies are added to it by tar.
    if (files.length === 0) throw new Error("/usr is empty");
  }
  const copies = Math.max(1, Math.round(share / total));
  return copies === 1
    ? slices
    : slices.map(({ prefix, paths: own }) => ({
        prefix,
        paths: Array.from({ length: copies }, () => own).flat(),
      }));
}

function* walk(directory: string): Generator<{ readonly path: string; readonly size: number }> {
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const status = lstatSync(path);
    if (status.isDirectory()) yield* walk(path);
    else if (status.isFile() || status.isSymbolicLink()) yield { path, size: status.size };
  }
}

interface Layer {
  readonly path: string;
  readonly digest: string;
  readonly diffId: string;
  readonly bytes: number;
}

/** Packed by GNU tar and gzip -6, as most images are; a file that comes again is stored again, elsewhere. */
function makeLayer(directory: string, name: string, { prefix, paths }: Slice): Layer {
  const path = join(directory, name);
  const unique = [...new Set(paths)];
  const copies = Math.max(1, Math.round(paths.length / unique.length));
  writeFileSync(`${path}.list`, unique.map((file) => file.slice(1)).join("\0"));
  const tars = Array.from(
    { length: copies },
    (_, copy) =>
      `tar -C / --null --no-recursion --hard-dereference --transform 's,^,${prefix}/${copy}/,rS' -${copy === 0 ? "c" : "r"}f '${path}.tar' -T '${path}.list' 2>/dev/null`,
  );
  const layer = packLayer(path, tars);
  rmSync(`${path}.list`);
  return layer;
}

/** What the commands put into PATH.tar. */
function packLayer(path: string, tars: readonly string[]): Layer {
  const pack = `sha256sum <'${path}.tar' >'${path}.diff' && gzip -6 <'${path}.tar' >'${path}' && sha256sum <'${path}' >'${path}.sum'`;
  const run = spawnSync("sh", ["-c", `${tars.join("; ")}; ${pack}`], { encoding: "utf8" });
  if (run.status !== 0) throw new Error(`${path} cannot be packed: ${run.stderr}`);
  const hex = (suffix: string): string => readFileSync(`${path}.${suffix}`, "utf8").slice(0, 64);
  const layer = {
    path,
    digest: `sha256:${hex("sum")}`,
    diffId: `sha256:${hex("diff")}`,
    bytes: statSync(path).size,
  };
  for (const suffix of ["diff", "sum", "tar"]) rmSync(`${path}.${suffix}`);
  return layer;
}
