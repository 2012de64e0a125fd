import { createWriteStream, mkdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { findProgram, startProgram } from "../../../host/program.ts";
import { standardOutput } from "../../../host/standard-output.ts";
import { trees } from "../../../host/trees.ts";
import { failure, type Result, success } from "../../../model/result.ts";
import type { Problem } from "../../../model/source.ts";
import { attempt } from "../../attempt.ts";
import type { Tools } from "../../tools.ts";
import { tarStream } from "../tar.ts";
import { type ImageRequest, unknownFormat, writeLayout } from "./layout.ts";
import { packTrees } from "./pack.ts";

export interface ExportRequest extends ImageRequest {
  /** "oci", "tar" or "squashfs". */
  readonly format: string;
  /** A file; for oci a directory when it ends in a slash; "-": standard output (tar and oci); null: by the name. */
  readonly output: string | null;
}

/** Writes a root as an image, an archive or a file system. Gives where: an absolute path, or "-". */
export async function exportRoot(tools: Tools, request: ExportRequest): Promise<Result<string, Problem>> {
  const { format } = request;
  const suffix = suffixes[format];
  if (suffix === undefined) return unknownFormat(format);
  const output = request.output ?? `${request.environment.name}${suffix}`;
  if (output === "-")
    return format === "squashfs" ? failure(noStream) : await toStandardOutput(tools, request);
  const target = resolve(output);
  if (format === "oci" && output.endsWith("/")) return await toDirectory(tools, request, target);
  const part = join(dirname(target), `.${basename(target)}.${process.pid}.part`);
  const written =
    format === "squashfs"
      ? await toSquashfs(tools, request, part)
      : await toFile(tools, request, { part, target });
  if (!written.ok) {
    rmSync(part, { force: true });
    return written;
  }
  return await attempt(`${target} cannot be written`, () => {
    renameSync(part, target);
    return target;
  });
}

const suffixes: Readonly<Record<string, string>> = { oci: ".oci.tar", tar: ".tar", squashfs: ".squashfs" };

const noStream: Problem = {
  code: "no-stream",
  message: "a squashfs cannot be written to standard output",
  place: null,
  hint: "name a file with -o",
};

async function toDirectory(
  tools: Tools,
  request: ExportRequest,
  target: string,
): Promise<Result<string, Problem>> {
  if (trees.list(target).length > 0)
    return failure({
      code: "directory-not-empty",
      message: `${target} is not empty`,
      place: null,
      hint: "name another directory, or remove this one",
    });
  const written = await writeLayout(tools, target, request);
  return written.ok ? success(target) : written;
}

function toFile(
  tools: Tools,
  request: ExportRequest,
  { part, target }: { readonly part: string; readonly target: string },
): Promise<Result<void, Problem>> {
  const packs = /\.(tgz|gz)$/.test(target);
  return stream(tools, request, () =>
    packs ? [createGzip({ level: 6 }), createWriteStream(part)] : [createWriteStream(part)],
  );
}

async function toStandardOutput(tools: Tools, request: ExportRequest): Promise<Result<string, Problem>> {
  const written = await stream(tools, request, () => [standardOutput()]);
  return written.ok ? success("-") : written;
}

/** The archive of this format through what `sinks` gives. */
async function stream(
  tools: Tools,
  request: ExportRequest,
  sinks: () => (NodeJS.ReadWriteStream | NodeJS.WritableStream)[],
): Promise<Result<void, Problem>> {
  const { stack, epoch, signal, format } = request;
  const write = (source: NodeJS.ReadableStream) =>
    attempt("the export cannot be written", () => pipeline([source, ...sinks()]));
  if (format === "tar") {
    const packing = packTrees(tools, { style: "tree", trees: stack.layers, epoch, signal });
    const written = await write(packing.stream);
    const packed = await packing.done;
    return packed.ok ? written : packed;
  }
  const scratch = join(tools.paths.data, "store", `.export-${process.pid}-${Date.now()}`);
  try {
    const files = await writeLayout(tools, scratch, request);
    if (!files.ok) return files;
    const entries = files.value.map((path) => ({
      kind: "host-file" as const,
      path,
      source: join(scratch, path),
      mode: 0o644,
    }));
    const directories = ["blobs", "blobs/sha256"].map((path) => ({
      kind: "directory" as const,
      path,
      mode: 0o755,
    }));
    return await write(tarStream([...directories, ...entries], epoch ?? 0));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function toSquashfs(
  tools: Tools,
  request: ExportRequest,
  part: string,
): Promise<Result<void, Problem>> {
  const program = findProgram("mksquashfs", tools.env.PATH);
  if (program === null)
    return failure({
      code: "mksquashfs-missing",
      message: "a squashfs needs mksquashfs, which is not installed",
      place: null,
      hint: "sudo apt-get install squashfs-tools; or use --format tar",
    });
  const { stack, epoch, signal } = request;
  mkdirSync(dirname(part), { recursive: true });
  const packing = packTrees(tools, { style: "tree", trees: stack.layers, epoch, signal });
  // It does not take the root's own mode from the archive.
  const mode = ((trees.stats(stack.layers[0] ?? "/")?.mode ?? 0o755) & 0o7777).toString(8);
  const options = ["-tar", "-noappend", "-quiet", "-no-progress", "-root-mode", mode];
  const running = startProgram([program, "-", part, ...options], {
    env: { PATH: "/usr/bin:/bin", ...(epoch === null ? {} : { SOURCE_DATE_EPOCH: String(epoch) }) },
    signal,
    input: packing.stream,
  });
  running.stdout.resume();
  const [packed, { code, lines }] = await Promise.all([packing.done, running.done]);
  if (!packed.ok) return packed;
  if (code === 0) return success(undefined);
  return failure({
    code: "squashfs-failed",
    message: `mksquashfs ended with ${code}`,
    output: lines.slice(-8),
    place: null,
    hint: "make room, or use --format tar",
  });
}
