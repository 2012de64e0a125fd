import * as z from "zod";
import { bootstrap, named, steps } from "./build.ts";
import { path } from "./values.ts";

const directory = z.strictObject({
  path: path("a directory").describe("Directory that holds the root; relative to this file."),
  mode: z
    .enum(["overlay", "direct"], { error: "overlay or direct" })
    .optional()
    .describe(
      "overlay (default): the directory stays as it is, changes go to a layer; direct: used as it is.",
    ),
});

const archive = z.strictObject({
  archive: path("an archive's path or https address").describe(
    "tar archive, plain or compressed with gzip, zstd or xz: a path relative to this file, or an https address.",
  ),
  sha256: z
    .string({ error: "64 hex digits" })
    .regex(/^[0-9a-f]{64}$/i, { error: "64 hex digits" })
    .optional()
    .describe(
      "Digest of the archive's bytes, 64 hex digits; another content is refused. Default: not checked.",
    ),
});

const expected =
  "host, a path such as ./root or ./root.tar.zst, {path: ...}, {archive: ...}, {bootstrap: ...}, {named: ...} or {from: ..., steps: [...]}";
const short = path(expected).describe("host, a directory or archive by its path, or an https address.");

const expectedBase = "an archive, {bootstrap: ...} or {named: ...}";
const build = z.strictObject({
  from: z
    .union([path(expectedBase), archive, bootstrap, named], { error: expectedBase })
    .describe("The root that the steps begin with: an archive's path, or a map as in rootfs itself."),
  steps,
});

export const rootfs = z.union([short, directory, archive, bootstrap, named, build], { error: expected });
